"""The gateway's sidecar: brings Envoy its files, drains it, and sends its log to the ledger."""
