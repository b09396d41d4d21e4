"""Locks between processes."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path, what: str = "") -> Iterator[None]:
    """Hold the lock file, waiting for it; the kernel frees it when the process dies, and no file stays.

    Args:
        path: The lock file.
        what: Said on stderr when there is somebody to wait for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("w") as file:
            _take(file.fileno(), what)
            if not _same(file.fileno(), path):
                # The one before us removed the file while we waited for it.
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _take(descriptor: int, what: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if what:
            sys.stderr.write(f"Waiting for another process that is {what} ...\n")
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
