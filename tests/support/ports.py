"""Ports for programs that tests start."""

from __future__ import annotations

import contextlib
import fcntl
import socket
from pathlib import Path

#: The kernel gives 32768 and more to connections.
_FIRST, _COUNT = 10_000, 20_000
#: The last one that was given, by any test of this machine.
_LAST = Path("/var/tmp/paceline-test-port")  # a number; one that is taken is passed over


def free_port() -> int:
    """A port of loopback that nobody has, and that nobody else is given soon: who asked may need seconds to take it."""
    while True:
        port = _next()
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def _next() -> int:
    with _LAST.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last = file.read()
        port = _FIRST + ((int(last) + 1 - _FIRST) % _COUNT if last.isdecimal() else 0)
        file.truncate(0)
        file.write(str(port))
    return port
