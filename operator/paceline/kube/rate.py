"""A client-side ceiling of writes: a token bucket that hands out waiting times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from prometheus_client import Counter

from paceline.settings import boottime


class Ceiling:
    """At most `qps` writes a second over time, at most `burst` at once; writers queue in the order they came."""

    def __init__(self, qps: float, burst: int, *, clock: Callable[[], float] = boottime) -> None:
        self._clock = clock
        self._free_at = clock()
        self.set(qps, burst)

    def set(self, qps: float, burst: int) -> None:
        """Change the rates; writers already waiting keep their turn."""
        self._interval = 1.0 / qps
        self._credit = burst * self._interval

    def reserve(self) -> float:
        """Take the next turn; seconds until it comes."""
        now = self._clock()
        self._free_at = max(self._free_at, now - self._credit) + self._interval
        return max(0.0, self._free_at - now)

    async def wait(self) -> float:
        """Wait for a turn; seconds waited."""
        delay = self.reserve()
        if delay > 0:
            await asyncio.sleep(delay)
        return delay

    @staticmethod
    def charge_to(counter: Counter, seconds: float) -> None:
        """Count time waited, when there was any."""
        if seconds:
            counter.inc(seconds)
