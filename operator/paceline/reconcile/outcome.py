"""How a reconcile ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What the worker does next with a key.

    Attributes:
        result: A word for the metric: done, gone, or the reason of a problem's class.
        again_after: Seconds until the next look without any news; None: no timer.
        failed: Look again with back-off.
    """

    result: str = "done"
    again_after: float | None = None
    failed: bool = False
