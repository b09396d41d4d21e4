"""The ledger: what was used and spent, exactly once, and what may still be spent."""
