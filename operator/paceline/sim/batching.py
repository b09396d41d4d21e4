"""The three ways to form a batch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """How waiting requests become a batch."""

    CONTINUOUS = "continuous"
    DYNAMIC = "dynamic"
    STATIC = "static"


@dataclass(frozen=True, slots=True)
class Batching:
    """A batching rule.

    Continuous: requests join and leave between any two steps. Dynamic: a batch leaves when it is full or
    when its oldest request has waited for the window; nobody joins on the way. Static: only a full batch leaves.

    Attributes:
        mode: Which of the three.
        size: Sequences in a batch; 0 takes the engine's max_sequences.
        window: Dynamic only: seconds the oldest waits at most before the batch leaves.
    """

    mode: Mode = Mode.CONTINUOUS
    size: int = 0
    window: float = 0.0

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(f"batch size is {self.size}; it must be 0 (the engine's own limit) or more")
        if self.window < 0:
            raise ValueError(f"batching window is {self.window} s; it must be 0 or more")

    def departs(self, waiting: int, size: int, oldest_ready: float, now: float) -> bool:
        """Say whether a batch of ``size`` seats leaves now, with ``waiting`` requests at the stop.

        Args:
            waiting: Requests that wait.
            size: Seats.
            oldest_ready: When the oldest of them became ready, in seconds.
            now: Seconds on the same clock.
        """
        if waiting >= size:
            return True
        return self.mode is Mode.DYNAMIC and waiting > 0 and now >= oldest_ready + self.window

    def departure(self, oldest_ready: float) -> float | None:
        """Return when a batch that is not full leaves at the latest; None: never."""
        return oldest_ready + self.window if self.mode is Mode.DYNAMIC else None
