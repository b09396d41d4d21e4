"""The log-linear sketch keeps its promise of a relative error, and merges without loss."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.sketch import RELATIVE_ERROR, Sketch

#: Up to half a year in microseconds.
values = st.integers(0, 2**44)
SHARES = [0.0, 0.01, 0.5, 0.95, 0.99, 0.999, 1.0]


def at_rank(numbers, share):
    """The smallest value that at least this share of all does not exceed."""
    return sorted(numbers)[max(0, math.ceil(share * len(numbers)) - 1)]


def test_an_empty_sketch_has_no_quantile():
    assert Sketch().quantile(0.5) is None
    assert Sketch().count == 0


@given(st.lists(values, min_size=1, max_size=200), st.sampled_from(SHARES))
def test_a_quantile_is_within_its_relative_error(numbers, share):
    found, exact = Sketch.of(numbers).quantile(share), at_rank(numbers, share)
    assert found is not None
    assert abs(found - exact) <= RELATIVE_ERROR * exact


@pytest.mark.parametrize("exponent", range(7, 44))
@pytest.mark.parametrize("beside", [-1, 0, 1])
def test_the_error_holds_at_the_edges_of_bins(exponent, beside):
    value = 2**exponent + beside
    assert abs(Sketch.of([value]).quantile(0.5) - value) <= RELATIVE_ERROR * value


def test_small_numbers_are_exact():
    assert [Sketch.of([value]).quantile(0.5) for value in range(128)] == list(range(128))


def test_larger_values_never_fall_into_lower_bins():
    edges = [value for exponent in range(20) for value in (2**exponent - 1, 2**exponent, 2**exponent + 1)]
    found = [Sketch.of([value]).quantile(0.5) for value in sorted(edges)]
    assert found == sorted(found)


@given(st.lists(values, max_size=50), st.lists(values, max_size=50))
def test_merging_is_as_if_one_sketch_had_seen_all(some, others):
    merged = Sketch.of(some)
    merged.merge(Sketch.of(others))
    assert merged == Sketch.of(some + others)
    assert merged.count == len(some) + len(others)


@given(st.lists(values, max_size=50))
def test_what_is_written_is_read_back(numbers):
    sketch = Sketch.of(numbers)
    assert Sketch.load(sketch.dump()) == sketch


def test_it_is_written_as_a_flat_list_with_rising_bins():
    assert json.loads(Sketch.of([300, 5, 5, 10_000]).dump()) == [5, 2, 203, 1, 526, 1]


def test_it_stays_small_whatever_the_times():
    """All times from 1 ms to 10 minutes fit into 20 x 64 bins."""
    assert len(json.loads(Sketch.of(range(1000, 600_000_000, 997)).dump())) // 2 <= 20 * 64


def test_a_negative_value_is_refused():
    with pytest.raises(ValueError, match="-1 is negative"):
        Sketch().add(-1)
