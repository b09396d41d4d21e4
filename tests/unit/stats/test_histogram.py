"""Histograms: differences, sums and quantiles."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.histogram import Histogram
from tests.support.models import histogram

EDGES = (0.1, 0.5, 1.0, math.inf)


@st.composite
def histograms(draw, largest=1000):
    counts = [draw(st.integers(0, largest)) for _ in EDGES]
    return Histogram(EDGES, tuple(float(sum(counts[: i + 1])) for i in range(len(EDGES))))


def test_buckets_may_come_in_any_order_and_as_text():
    read = Histogram.of([("+Inf", 4), ("0.5", 3), ("0.1", 1)])
    assert read == Histogram((0.1, 0.5, math.inf), (1, 3, 4))


@pytest.mark.parametrize(
    "buckets",
    [
        [],
        [(0.1, 1)],
        [("x", 1), ("+Inf", 1)],
        [(0.1, 2), ("+Inf", 1)],
        [(0.1, -1), ("+Inf", 1)],
        [(-1, 0), ("+Inf", 1)],
        [("-Inf", 0), ("+Inf", 1)],
        [("NaN", 1), ("+Inf", 1)],
        [(0.1, float("nan")), ("+Inf", 1)],
        [("+Inf", math.inf)],
    ],
)
def test_what_is_no_histogram_is_none(buckets):
    assert Histogram.of(buckets) is None


def test_quantiles_are_interpolated_as_prometheus_does():
    # 10 observations up to 0.1 s, 10 more up to 0.5 s: the 15th of 20 lies in the middle of the second bucket.
    assert histogram((0.1, 10), (0.5, 20)).quantile(0.75) == pytest.approx(0.3)
    assert histogram((0.1, 10), (0.5, 20)).quantile(0.25) == pytest.approx(0.05)


def test_without_observations_there_is_no_quantile():
    assert histogram((0.1, 0)).quantile(0.5) is None


def test_in_the_last_bucket_the_largest_edge_is_a_lower_bound():
    assert Histogram((0.1, math.inf), (1, 10)).quantile(0.99) == 0.1
    assert Histogram((math.inf,), (10,)).quantile(0.5) is None


def test_the_lowest_quantile_of_an_empty_first_bucket_is_its_edge():
    assert Histogram((0.1, 0.5, math.inf), (0, 10, 10)).quantile(0.0) == 0.0


def test_a_fallen_count_means_a_new_process():
    before, after = histogram((0.1, 10), (0.5, 20)), histogram((0.1, 3), (0.5, 4))
    assert not after.continues(before)
    assert after.since(before) == after


def test_other_edges_mean_a_new_process():
    before, after = histogram((0.2, 1)), histogram((0.1, 3))
    assert after.since(before) == after
    assert after.since(None) == after


def test_together_they_have_the_edges_of_both():
    both = histogram((0.1, 1), (0.5, 2)).plus(histogram((0.5, 5), (1.0, 6)))
    assert both == Histogram((0.5, math.inf), (7, 8))


@given(histograms(), histograms())
def test_what_is_added_is_what_lies_between(first, more):
    later = first.plus(more)
    assert later.continues(first)
    assert later.since(first) == more
    assert later.count == first.count + more.count


@given(histograms(), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_rise_with_the_share_and_stay_within_the_edges(read, a, b):
    low, high = read.quantile(min(a, b)), read.quantile(max(a, b))
    if low is None or high is None:
        assert read.count == 0
    else:
        assert 0 <= low <= high <= 1.0
