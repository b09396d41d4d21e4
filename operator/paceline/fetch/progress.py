"""What a waiting person reads: a calm line now and then, on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

#: Lines are at least this far apart: a model of an hour makes 240 lines.
EVERY_SECONDS = 15.0
_GIGA = 10**9


def gigabytes(count: float) -> str:
    """A number of bytes in words, such as 12.3 GB."""
    return f"{count / _GIGA:.1f} GB" if count >= _GIGA / 10 else f"{count / 10**6:.1f} MB"


def say(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """Counts bytes of one source from several threads.

    Args:
        name: Of the source.
        total: Bytes to fetch.
        tell: Takes a line.
        clock: Seconds, only forward.
    """

    def __init__(
        self, name: str, total: int, tell: Callable[[str], None] = say, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name, self._total, self._tell, self._clock = name, total, tell, clock
        self._lock = threading.Lock()
        self._done = 0
        self._kept = 0
        self._began = self._told = clock()

    def skip(self, count: int) -> None:
        """Bytes that were there already."""
        with self._lock:
            self._kept += count

    def add(self, count: int) -> bool:
        """Bytes that came.

        Returns:
            Whether it was time for a line, so that a caller may do its own seldom things.
        """
        with self._lock:
            self._done += count
            now = self._clock()
            if now - self._told < EVERY_SECONDS:
                return False
            self._told = now
            rate = self._done / max(now - self._began, 0.001)
            left = max(0, self._total - self._kept - self._done) / max(rate, 1)
            there = f"{gigabytes(self._kept + self._done)} of {gigabytes(self._total)}"
            line = f"{self._name}: {there}, {gigabytes(rate)}/s, {_time(left)} to go"
        self._tell(line)
        return True

    def end(self) -> None:
        """The last line."""
        seconds = self._clock() - self._began
        kept = f", {gigabytes(self._kept)} were there" if self._kept else ""
        self._tell(f"{self._name}: {gigabytes(self._done)} fetched in {_time(seconds)}{kept}")


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
