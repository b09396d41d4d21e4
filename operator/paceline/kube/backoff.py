"""How long to wait before trying again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass


def spread(seconds: float, share: float, chance: Callable[[], float] = random.random) -> float:
    """`seconds` moved by up to ± `share`, so that many who wait do not come back together."""
    return seconds * (1.0 + share * (2.0 * chance() - 1.0))


@dataclass(frozen=True)
class Backoff:
    """Doubling delays with jitter.

    Attributes:
        first: Seconds before the first retry.
        most: Seconds that no delay exceeds (before jitter).
        share: Jitter, as a share of the delay.
    """

    first: float = 0.5
    most: float = 60.0
    share: float = 0.3

    def delay(self, failures: int, chance: Callable[[], float] = random.random) -> float:
        """Seconds to wait after that many failures in a row (1 or more)."""
        doublings = min(failures - 1, 30)  # 2^30 is beyond any `most`; larger powers only cost time
        return spread(min(self.first * 2.0**doublings, self.most), self.share, chance)

    def __iter__(self) -> Iterator[float]:
        """Delays without end, from the start each time: what kopf takes as `error_backoffs`."""
        failures = 0
        while True:
            failures += 1
            yield self.delay(failures)
