"""Trying again: how often, how long between, and when to give up; and ending at once when asked to."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TypeVar

from paceline.fetch.reasons import Interrupted, Unreachable

Result = TypeVar("Result")

#: Attempts without progress; the pauses between them come to about a minute.
ATTEMPTS = 6
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0
#: What a source may ask for with Retry-After; whoever wants longer is tried again by a later fetch.
LONGEST_ASKED_SECONDS = 60.0


class Stop:
    """Says that the process was asked to end; every wait and every chunk looks at it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask everything to end."""
        self._event.set()

    def check(self) -> None:
        """Raise Interrupted once asked to end."""
        if self._event.is_set():
            raise Interrupted

    def wait(self, seconds: float) -> None:
        """Pause, shorter when asked to end."""
        self._event.wait(seconds)
        self.check()


class Patience:
    """Counts failures in a row, and pauses after each.

    Args:
        stop: Cuts pauses short.
        unit: Seconds of the first pause; tests make it tiny.
        chance: Between 0 and 1, so that many pods do not come back in step.
    """

    def __init__(self, stop: Stop, unit: float = FIRST_SECONDS, chance: Callable[[], float] = random.random) -> None:
        self.stop = stop
        self.unit = unit
        self._chance = chance
        self._failures = 0

    def progressed(self) -> None:
        """Something was achieved since the last failure: start counting anew."""
        self._failures = 0

    def failed(self, error: Unreachable) -> None:
        """Pause before the next attempt.

        Raises:
            Unreachable: the error itself, when it was the last attempt.
        """
        self._failures += 1
        if self._failures >= ATTEMPTS:
            raise error
        pause = min(self.unit * 2 ** (self._failures - 1), LONGEST_SECONDS) * (0.5 + self._chance())
        self.stop.wait(max(pause, min(error.retry_after, LONGEST_ASKED_SECONDS)))

    def run(self, what: Callable[[], Result]) -> Result:
        """Call until it does not fail for a reason that passes."""
        counter = Patience(self.stop, self.unit, self._chance)
        while True:
            self.stop.check()
            try:
                return what()
            except Unreachable as error:
                counter.failed(error)
