"""Quantities: what is read, refused and how it is written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api.quantity import canonical, parse

#: What the real API server keeps as it is in a pod's resources (tried on Kubernetes 1.35).
STORED = {
    "1000m": "1",
    "0.5": "500m",
    ".5": "500m",
    "5.": "5",
    "1024Mi": "1Gi",
    "1536Mi": "1536Mi",
    "0.5Gi": "512Mi",
    "1.5Ki": "1536",
    "1Ki": "1Ki",
    "1024Pi": "1Ei",
    "0.5Ki": "512",
    "1000": "1k",
    "1500": "1500",
    "10000": "10k",
    "100M": "100M",
    "1000M": "1G",
    "1e3": "1e3",
    "1E3": "1e3",
    "12e2": "1200",
    "1E": "1E",
    "0.1m": "1m",
    "1n": "1m",
    "0.1n": "1m",
    "0": "0",
    "0Gi": "0",
    "+3": "3",
    "8": "8",
}
SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi", "e3", "E-3"]


@pytest.mark.parametrize(("written", "stored"), STORED.items())
def test_quantities_are_written_as_the_api_server_keeps_them(written, stored):
    assert canonical(written) == stored


@pytest.mark.parametrize(
    "wrong", ["-1", "1Ki5", "1e309", "1e9h", "", "x", "NaN", "inf", "1 Gi", "0x1", "9Ei", "1_000", "٣", "9" * 65]
)
def test_what_is_no_quantity_is_refused_with_its_value(wrong):
    with pytest.raises(ValueError, match="quantity") as refused:
        parse(wrong)
    assert wrong[:64] in str(refused.value)


def test_integers_are_read_as_they_are():
    assert parse(8) == 8
    assert canonical(2048) == "2048"


quantities = st.builds(
    lambda number, suffix: f"{number}{suffix}",
    st.one_of(st.integers(0, 9000), st.decimals(0, 9000, places=3, allow_nan=False, allow_infinity=False)),
    st.sampled_from(SUFFIXES),
)


@given(quantities)
def test_writing_keeps_the_value_and_is_stable(text):
    try:
        value = parse(text)
    except ValueError:
        return
    assert parse(canonical(text)) == value
    assert canonical(canonical(text)) == canonical(text)


@given(st.text(max_size=80))
def test_no_text_does_more_than_being_refused(text):
    try:
        value, words = parse(text), ""
    except ValueError as refused:
        value, words = Decimal(0), str(refused)
    assert value >= 0
    assert words or parse(canonical(text)) == value
