"""Percentiles of times from a few hundred counts: a log-linear sketch.

Whole numbers below 128 are kept as they are. Above, each doubling is split into 64 bins of equal width, so a bin is at
most 1/64 of its lower edge wide, and its middle is at most 1/128 (0.8 %) away from every value in it. Bins are found by
shifting bits, without logarithms, so that the same value falls into the same bin everywhere. Two sketches are merged by
adding their counts, exactly as if one had seen all values; nothing is lost by keeping one per quarter of an hour.

The form is HdrHistogram's (Tene 2012); the guarantee, a relative error of the value at a rank, is that of DDSketch
(Masson et al., VLDB 2019), whose bins are logarithmic.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

#: Largest relative distance of a quantile from the value at its rank.
RELATIVE_ERROR = 1 / 128
_BITS = 6
_SPLIT = 1 << _BITS


@dataclass(slots=True)
class Sketch:
    """Counts of values, which are whole numbers from 0 on (here microseconds).

    Attributes:
        bins: Bin to count, without empty ones.
    """

    bins: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Iterable[int]) -> Self:
        """A sketch of these values."""
        made = cls()
        for value in values:
            made.add(value)
        return made

    @property
    def count(self) -> int:
        """Number of values."""
        return sum(self.bins.values())

    def add(self, value: int) -> None:
        """Count one value.

        Raises:
            ValueError: it is negative.
        """
        index = _bin(value)
        self.bins[index] = self.bins.get(index, 0) + 1

    def merge(self, other: Sketch) -> None:
        """Count all values of another sketch too."""
        for index, count in other.bins.items():
            self.bins[index] = self.bins.get(index, 0) + count

    def quantile(self, share: float) -> float | None:
        """The value at a share of all values, within `RELATIVE_ERROR`.

        Args:
            share: 0 to 1. The rank is that of the smallest value that at least this share of all does not exceed.

        Returns:
            None without values.
        """
        left = max(1.0, share * self.count)
        for index in sorted(self.bins):
            left -= self.bins[index]
            if left <= 0:
                return _middle(index)
        return None

    def dump(self) -> str:
        """JSON: [bin, count, bin, count, …], bins rising."""
        return json.dumps([number for pair in sorted(self.bins.items()) for number in pair], separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Self:
        """Read what `dump` wrote."""
        numbers = json.loads(text)
        return cls(dict(zip(numbers[::2], numbers[1::2], strict=True)))


def _bin(value: int) -> int:
    """Values below 2 x 64 are their own bins; each doubling above adds 64."""
    if value < 0:
        raise ValueError(f"{value} is negative")
    shift = max(0, value.bit_length() - _BITS - 1)
    return shift * _SPLIT + (value >> shift)


def _middle(index: int) -> float:
    """The middle of a bin's values."""
    shift = max(0, index // _SPLIT - 1)
    low = (index - shift * _SPLIT) << shift
    return low + ((1 << shift) - 1) / 2
