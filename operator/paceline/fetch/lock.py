"""One fetch of the same files at a time, on volumes that many pods share.

The lock saves traffic; nothing breaks without it. Two fetches of one commit write the same bytes to the same places of
the same files, each checks its digests, and one rename makes the folder whole. So a lock whose holder went silent is
simply taken over: the clocks of two machines are never compared, a waiter only watches the lock's time change. A file
that is made with O_EXCL works on every shared file system, where flock often does not.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from paceline.fetch.patience import Stop


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between signs of life, without one until a lock is taken over, and between looks of a waiter."""

    sign: float = 10.0
    silent: float = 60.0
    look: float = 2.0


@contextmanager
def held(path: Path, stop: Stop, clock: Callable[[], float], done: Callable[[], bool], pace: Pace) -> Iterator[bool]:
    """Hold a lock for a block.

    Args:
        path: The lock's file.
        stop: Ends the wait.
        clock: Seconds, only forward.
        done: Whether the lock is not needed any more, because its holder has done the work.
        pace: See Pace.

    Yields:
        Whether it is held; False when the work was done meanwhile.
    """
    if not _wait(path, stop, clock, done, pace):
        yield False
        return
    ended = threading.Event()
    thread = threading.Thread(target=_signs, args=(path, ended, pace.sign), daemon=True)
    thread.start()
    try:
        yield True
    finally:
        ended.set()
        with suppress(OSError):
            path.unlink()


def _wait(path: Path, stop: Stop, clock: Callable[[], float], done: Callable[[], bool], pace: Pace) -> bool:
    seen: tuple[int, int] | None = None
    since = clock()
    while True:
        if done():
            return False
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o644))
            return True
        found = _sign(path)
        if found != seen:
            seen, since = found, clock()
        elif clock() - since >= pace.silent:
            _remove(path)
            seen, since = None, clock()
            continue
        stop.wait(pace.look)


def _sign(path: Path) -> tuple[int, int] | None:
    try:
        there = path.lstat()
    except OSError:
        return None
    return there.st_ino, there.st_mtime_ns


def _remove(path: Path) -> None:
    """Take a silent lock away. Of several waiters one moves it; another may so lose a fresh one, which does no harm."""
    away = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    with suppress(OSError):
        path.rename(away)
        away.unlink()


def _signs(path: Path, ended: threading.Event, every: float) -> None:
    while not ended.wait(every):
        with suppress(OSError):
            os.utime(path)
