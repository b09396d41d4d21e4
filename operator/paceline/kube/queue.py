"""The keyed queue: a key waits at most once, and two workers never hold the same key."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from paceline.kube.backoff import Backoff
from paceline.settings import boottime

K = TypeVar("K", bound=Hashable)


class KeyedQueue(Generic[K]):
    """Keys to look at, in the order they came.

    A key added while a worker holds it is looked at once more afterwards. Adding is idempotent, so N events make one
    or two reconciles.
    """

    def __init__(self, *, backoff: Backoff | None = None, clock: Callable[[], float] = boottime) -> None:
        self._backoff = backoff or Backoff(most=20.0)
        self._clock = clock
        self._ready: deque[K] = deque()
        self._waiting: dict[K, float] = {}  # in _ready, with the time of their adding
        self._held: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._wakeup = asyncio.Event()
        self._closed = False
        #: Set while no worker holds a key.
        self.idle = asyncio.Event()
        self.idle.set()

    def add(self, key: K) -> None:
        """Look at the key soon; a pending delay is cut short."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if self._closed or key in self._waiting:
            return
        if key in self._held:
            self._again.add(key)
            return
        self._waiting[key] = self._clock()
        self._ready.append(key)
        self._wakeup.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Look at the key after a delay, or earlier when something else asks for it; the earliest wish counts."""
        if self._closed or key in self._waiting or key in self._again:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        known = self._timers.get(key)
        if known is not None:
            if known.when() <= due:
                return
            known.cancel()
        self._timers[key] = loop.call_at(due, self.add, key)

    async def get(self) -> tuple[K, float]:
        """The next key, now held by the caller, and the seconds it waited.

        Raises:
            asyncio.CancelledError: also when the queue was closed.
        """
        while not self._ready:
            if self._closed:
                raise asyncio.CancelledError
            self._wakeup.clear()
            await self._wakeup.wait()
        key = self._ready.popleft()
        self._held.add(key)
        self.idle.clear()
        return key, self._clock() - self._waiting.pop(key)

    def done(self, key: K, *, failed: bool = False, again_after: float | None = None) -> None:
        """Give a key back.

        Args:
            key: A key from `get`.
            failed: Look again after a back-off that grows with each failure in a row.
            again_after: Look again after that many seconds (with `failed`: not before them).
        """
        self._held.discard(key)
        if not self._held:
            self.idle.set()
        news = key in self._again
        self._again.discard(key)
        if failed:
            self._failures[key] = self._failures.get(key, 0) + 1
            # News may be the cure, so it is not made to wait for a long back-off; but it is no reason to spin either.
            delay = self._backoff.delay(1 if news else self._failures[key])
            self.add_after(key, max(delay, again_after or 0.0))
            return
        self._failures.pop(key, None)
        if news:
            self.add(key)
        elif again_after is not None:
            self.add_after(key, again_after)

    def forget(self, key: K) -> None:
        """Drop what is remembered of a key that is gone."""
        self._failures.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def clear(self) -> None:
        """Forget everything that waits (the Lease was lost; the next holder starts from the whole list)."""
        self._ready.clear()
        self._waiting.clear()
        self._again.clear()
        self._failures.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def close(self) -> None:
        """Hand out nothing more; workers that wait are let go."""
        self._closed = True
        self.clear()
        self._wakeup.set()

    def stuck(self, seconds: float) -> bool:
        """True when the key at the front has waited longer than that."""
        return bool(self._ready) and self._clock() - self._waiting[self._ready[0]] > seconds

    def __len__(self) -> int:
        return len(self._ready)
