"""The ledger's process: its HTTP interface for gateways, the operator and people."""
