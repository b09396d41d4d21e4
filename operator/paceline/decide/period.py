"""Budget periods: the day, week or month of a time zone that an instant lies in.

A period is [start, end) on the time line, so every instant lies in exactly one, on days of 23 and 25 hours too. It
starts at the first midnight of its first day by the wall clocks of the zone; where clocks skip that midnight, at the
instant of the change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

Period = Literal["Day", "Week", "Month"]

SECOND = 1_000_000
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open: [start_us, end_us), microseconds since 1970."""

    start_us: int
    end_us: int

    def __contains__(self, time_us: int) -> bool:
        return self.start_us <= time_us < self.end_us


def instant(time_us: int) -> datetime:
    """Microseconds since 1970 as UTC, exact."""
    return _EPOCH + time_us * _MICROSECOND


def span(period: Period, zone: tzinfo, time_us: int) -> Span:
    """The period that an instant lies in.

    Args:
        period: A week begins on Monday (ISO 8601).
        zone: Of the budget.
        time_us: Microseconds since 1970.
    """
    first = _first(period, instant(time_us).astimezone(zone).date())
    start, end = _midnight(first, zone), _midnight(_next(period, first), zone)
    # Clocks that go back over midnight show a day twice; it belongs to the later period from its first midnight on.
    while time_us >= end:
        first = _next(period, first)
        start, end = end, _midnight(_next(period, first), zone)
    return Span(start, end)


def _first(period: Period, day: date) -> date:
    if period == "Month":
        return day.replace(day=1)
    return day - day.weekday() * _DAY if period == "Week" else day


def _next(period: Period, first: date) -> date:
    if period == "Month":
        return (first + 31 * _DAY).replace(day=1)
    return first + (7 if period == "Week" else 1) * _DAY


def _midnight(day: date, zone: tzinfo) -> int:
    """The first instant of a day, in microseconds since 1970."""
    wall = datetime.combine(day, time(), zone)
    found = wall.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return (found - _EPOCH) // _MICROSECOND
    # Skipped: the clocks went from before midnight to after it. The change lies between the two readings of that wall
    # time, by the offset after it and by the one before it (PEP 495, fold).
    low, high = (int(wall.replace(fold=fold).timestamp()) for fold in (1, 0))
    while low < high:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).date() < day:
            low = middle + 1
        else:
            high = middle
    return low * SECOND
