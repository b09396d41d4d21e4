"""Ports for programs that tests start."""

from __future__ import annotations

import contextlib
import secrets
import socket


def free_port() -> int:
    """A port of loopback that nobody has, and that the kernel gives to no connection, not even between two starts."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)  # the kernel gives 32768 and more
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
