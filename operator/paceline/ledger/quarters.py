"""Where times fall into: quarters of an hour and minutes of UTC."""

from __future__ import annotations

MINUTE_US = 60 * 1_000_000
#: Every time zone of today is a whole number of these away from UTC, so any budget period is a sum of them.
QUARTER_US = 15 * MINUTE_US
DAY_US = 86_400 * 1_000_000


def floor(time_us: int, span_us: int) -> int:
    """The start of the minute or quarter that a time lies in."""
    return time_us - time_us % span_us
