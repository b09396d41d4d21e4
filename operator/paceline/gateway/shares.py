"""Shares of requests, as whole numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from paceline.gateway.observation import Serving


def shares(servings: Sequence[Serving], weights: Mapping[str, int]) -> list[tuple[Serving, int]]:
    """Who of a ModelDeployment answers, in percent.

    A revision without a pod that is ready gets nothing while another has one. With none at all the first one gets
    everything, so that whoever waits finds its first pod.

    Args:
        servings: Its revisions, at least one, the one in force first.
        weights: By their labels; where these give nobody anything, as many as each has pods that are ready.

    Returns:
        Those with a share above 0; together 100.
    """
    ready = [each for each in servings if each.endpoints] or list(servings[:1])
    wanted = [weights.get(each.revision, 0) for each in ready]
    if not any(wanted):
        wanted = [len(each.endpoints) for each in ready] if ready[0].endpoints else [1]
    return [(each, percent) for each, percent in zip(ready, percents(wanted), strict=True) if percent]


def percents(weights: Sequence[int]) -> list[int]:
    """Whole percentages in the proportion of weights, of which one is above 0.

    What is left over goes to the largest remainders, of equal ones to the first.
    """
    total = sum(weights)
    floors = [each * 100 // total for each in weights]
    order = sorted(range(len(weights)), key=lambda at: (-(weights[at] * 100 % total), at))
    more = set(order[: 100 - sum(floors)])
    return [each + (at in more) for at, each in enumerate(floors)]


def reduced(weights: Sequence[int]) -> list[int]:
    """Weights that were taken times 100, as small as they can be whole, and never below what they were."""
    by = math.gcd(100, *weights)
    return [each // by for each in weights]
