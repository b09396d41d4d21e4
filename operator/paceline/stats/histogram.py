"""Prometheus histograms: differences of two scrapes, and quantiles of what lies between them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Histogram:
    """Cumulative counts by upper bucket edge.

    Attributes:
        edges: Rising, the last one is infinity.
        counts: Observations up to each edge, so they never fall from one edge to the next.
    """

    edges: tuple[float, ...]
    counts: tuple[float, ...]

    @classmethod
    def of(cls, buckets: Iterable[tuple[float | str, float]]) -> Self | None:
        """Read buckets as a page shows them, in any order.

        Returns:
            None where they are no histogram of times: no infinite edge, an edge that is negative or not a number,
            counts that fall or are negative.
        """
        try:
            pairs = sorted((float(edge), float(count)) for edge, count in buckets)
        except ValueError:
            return None
        if any(math.isnan(x) for pair in pairs for x in pair):
            return None
        if not pairs or pairs[0][0] < 0 or pairs[-1][0] != math.inf:
            return None
        counts = tuple(count for _, count in pairs)
        if not math.isfinite(counts[-1]) or min(_within(counts)) < 0:
            return None
        return cls(tuple(edge for edge, _ in pairs), counts)

    @property
    def count(self) -> float:
        """Number of observations."""
        return self.counts[-1]

    def continues(self, earlier: Histogram) -> bool:
        """Whether this can be a later scrape of the same process: same edges, and no bucket lost observations."""
        if earlier.edges != self.edges:
            return False
        steps = _within(self._minus(earlier))
        return min(steps) >= 0

    def since(self, earlier: Histogram | None) -> Histogram:
        """What was observed after an earlier scrape.

        Without one, or where it was of another process (a count fell, edges changed), all observations are new.
        """
        if earlier is None or not self.continues(earlier):
            return self
        return Histogram(self.edges, self._minus(earlier))

    def _minus(self, earlier: Histogram) -> tuple[float, ...]:
        return tuple(now - before for now, before in zip(self.counts, earlier.counts, strict=True))

    def plus(self, other: Histogram) -> Histogram:
        """Both together, at the edges that both have."""
        common = tuple(edge for edge in self.edges if edge in set(other.edges))
        return Histogram(common, tuple(self.upto(edge) + other.upto(edge) for edge in common))

    def upto(self, edge: float) -> float:
        """Observations up to an edge of this histogram."""
        return self.counts[self.edges.index(edge)]

    def quantile(self, share: float) -> float | None:
        """Estimate a quantile by linear interpolation within its bucket, as Prometheus' histogram_quantile does.

        Args:
            share: 0 to 1.

        Returns:
            None without observations. In the last, unbounded bucket the largest finite edge, which is then a lower
            bound; None where there is no finite edge.
        """
        if self.count <= 0:
            return None
        rank = share * self.count
        index = next(i for i, count in enumerate(self.counts) if count >= rank)
        if math.isinf(self.edges[index]):
            return self.edges[index - 1] if index else None
        low = self.edges[index - 1] if index else 0.0
        before = self.counts[index - 1] if index else 0.0
        inside = self.counts[index] - before
        if inside <= 0:
            return low
        return low + (self.edges[index] - low) * (rank - before) / inside


def _within(counts: tuple[float, ...]) -> list[float]:
    """Observations in each bucket alone."""
    return [count - before for count, before in zip(counts, (0.0, *counts), strict=False)]
