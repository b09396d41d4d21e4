"""Requests are divided among revisions in whole numbers, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.gateway.ir import Endpoint
from paceline.gateway.observation import Serving
from paceline.gateway.shares import percents, reduced, shares


def serving(revision: str, pods: int = 1) -> Serving:
    return Serving(revision, "VLLM", "chat", endpoints=tuple(Endpoint("10.0.0.1", 8000 + each) for each in range(pods)))


def divided(*pods: int, **weights: int) -> dict[str, int]:
    found = [serving(chr(ord("a") + at), count) for at, count in enumerate(pods)]
    return {each.revision: percent for each, percent in shares(found, weights)}


@pytest.mark.parametrize(
    ("pods", "weights", "expected"),
    [
        ((1,), {}, {"a": 100}),
        ((1, 3), {}, {"a": 25, "b": 75}),
        ((2, 0), {}, {"a": 100}),
        ((0, 2), {}, {"b": 100}),
        ((0, 0), {}, {"a": 100}),
        ((0, 0), {"b": 1}, {"a": 100}),
        ((1, 9), {"a": 5, "b": 95}, {"a": 5, "b": 95}),
        ((1, 9), {"a": 1}, {"a": 100}),
        ((0, 9), {"a": 5, "b": 95}, {"b": 100}),
        ((0, 9), {"a": 100}, {"b": 100}),
        ((1, 1000), {}, {"b": 100}),
    ],
)
def test_revisions_that_can_answer_share_what_there_is(pods, weights, expected):
    assert divided(*pods, **weights) == expected


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any))
def test_percentages_are_whole_and_together_a_hundred_and_nobody_is_off_by_one(weights):
    found = percents(weights)
    assert sum(found) == 100
    assert all(abs(each - 100 * weight / sum(weights)) < 1 for each, weight in zip(found, weights, strict=True))


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 100)), min_size=1, max_size=16))
def test_weights_keep_their_proportions_and_fit_what_a_proxy_adds_up(pairs):
    weights = [weight * percent for weight, percent in pairs]
    found = reduced(weights)
    assert all(each * weights[0] == found[0] * weight for each, weight in zip(found, weights, strict=True))
    assert sum(found) < 2**32


def test_weights_of_backends_with_one_revision_are_as_they_were_written():
    assert reduced([100 * 100, 20 * 100]) == [100, 20]
