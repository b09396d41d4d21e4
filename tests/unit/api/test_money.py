"""Money: read, refused and written."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api import money
from paceline.api.base import DECIMAL_PATTERN

LARGEST = 999_999_999_999_999_999


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        (0, 0),
        ("0", 0),
        (99, 99_000_000),
        ("99.5", 99_500_000),
        ("2.50", 2_500_000),
        ("0.000001", 1),
        ("007", 7_000_000),
        ("999999999999.999999", LARGEST),
    ],
)
def test_amounts_are_read_into_micro_units(written, micros):
    assert money.parse(written) == micros


@pytest.mark.parametrize(
    "wrong",
    ["", "-1", -1, "+1", "1.", ".5", "1e3", "1,000", "1_000", " 1", "1\n", "٣", "NaN", "0.0000001", "1" * 13, True],
)
def test_what_is_no_amount_is_refused_with_its_value(wrong):
    with pytest.raises(ValueError, match="is not an amount") as refused:
        money.parse(wrong)
    assert repr(str(wrong)) in str(refused.value)


@given(st.from_regex(re.compile(DECIMAL_PATTERN.replace("$", r"\Z")), fullmatch=True))
def test_every_decimal_of_the_api_is_exact(text):
    assert money.parse(text) == Decimal(text) * 1_000_000


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "0.00"), (412_100_000, "412.10"), (1, "0.000001"), (1_234_500, "1.2345"), (-2_500_000, "-2.50")],
)
def test_amounts_are_written_with_two_decimals_or_more(micros, text):
    assert money.text(micros) == text


@given(st.integers(0, LARGEST))
def test_what_is_written_is_read_back(micros):
    assert money.parse(money.text(micros)) == micros


def test_the_largest_sums_fit_into_64_bits():
    assert 9 * LARGEST < 2**63
