"""Numbers as people read them."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api.base import DECIMAL_PATTERN
from paceline.decide import figures
from paceline.stats.histogram import Histogram
from tests.support.models import histogram


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.0000001, "0"),
        (0.00123, "0.0012"),
        (0.999, "1"),
        (8.54, "8.5"),
        (9.96, "10"),
        (47.3, "47"),
        (312.4, "310"),
        (1249, "1200"),
        (1e30, "999999999999"),
    ],
)
def test_figures_have_two_significant_digits(value, shown):
    assert figures.two_digits(value) == shown


@given(st.floats(0, 1e15))
def test_figures_are_decimals_of_the_api_and_near_the_value(value):
    shown = figures.two_digits(value)
    assert re.match(DECIMAL_PATTERN, shown)
    if 1e-3 < value < 1e11:
        assert abs(float(shown) - value) <= 0.051 * value


@pytest.mark.parametrize(
    ("value", "words"), [("310", "310 ms"), ("8.5", "8.5 ms"), ("1200", "1.2 s"), ("65000", "65 s")]
)
def test_milliseconds_are_spoken_in_a_fitting_unit(value, words):
    assert figures.spoken(value) == words


def test_percentiles_are_in_milliseconds():
    shown = figures.milliseconds(histogram((0.1, 90), (0.2, 100)))
    assert shown == {"p50": "56", "p95": "150", "p99": "190"}


def test_without_observations_or_edges_there_are_no_percentiles():
    assert figures.milliseconds(None) is None
    assert figures.milliseconds(histogram((0.1, 0))) is None
    assert figures.milliseconds(Histogram((float("inf"),), (3,))) is None


@pytest.mark.parametrize(
    ("before", "now", "moves"),
    [
        ("100", "110", False),
        ("100", "111", True),
        ("100", "89", True),
        ("0", "0", False),
        ("0", "1", True),
        (None, "1", True),
        ("NaN", "1", True),
    ],
)
def test_a_figure_moves_when_it_changed_by_more_than_a_tenth(before, now, moves):
    assert figures.moved(before, now) is moves


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("7.47", "7.47"), ("0", "0.00"), ("2.5", "2.50"), ("0.0035", "0.0035"), ("9.960", "9.96"), ("1000", "1000.00")],
)
def test_money_has_at_least_two_decimals(amount, shown):
    assert figures.money(Decimal(amount)) == shown
