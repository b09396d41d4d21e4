"""Checks answers against a schema before a client gets them: a process beside Envoy, on loopback only. I/O."""
