"""Money: whole micro-units of a currency (0.000001), so that sums are exact in any order."""

from __future__ import annotations

import re

from paceline.api.base import DECIMAL_PATTERN

#: Micro-units in one unit of the currency.
UNIT = 1_000_000
#: Largest price of a million tokens: one unit of the currency for each. Costs rely on it (decide/pricing.py).
MOST_PER_MILLION = 1_000_000 * UNIT

_DECIMAL = re.compile(DECIMAL_PATTERN)


def parse(amount: str | int) -> int:
    """Micro-units of an amount as the API writes it, such as 99 or "2.50".

    Every amount of the API has at most six decimals, so nothing is rounded; the largest, 999999999999.999999, fits
    into 64 bits nine times.

    Raises:
        ValueError: not such a decimal; the message names the value.
    """
    text = str(amount)
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text[:32]!r} is not an amount; write up to 12 digits and up to 6 decimals, such as 2.50")
    whole, _, decimals = text.partition(".")
    return int(whole) * UNIT + int(decimals.ljust(6, "0"))


def text(micros: int) -> str:
    """An amount in micro-units for people: at least two decimals, and as many more as it needs."""
    whole, rest = divmod(abs(micros), UNIT)
    decimals = f"{rest:06d}"
    return f"{'-' if micros < 0 else ''}{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"
