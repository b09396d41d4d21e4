"""One story per kind, and the runtime that tells them again and again."""
