"""Conditions: reading forged ones, keeping times, cleaning foreign words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api.conditions import Condition, clean, conditions_of, find, merge, parse_stamp, stamp

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "status", "conditions"]), inner)
    ),
    max_leaves=8,
)


def condition(status="True", **fields):
    return Condition(
        **{"type": "Ready", "reason": "Answering", "message": "m", "observed_generation": 1} | fields, status=status
    )


def test_the_time_of_a_transition_is_kept_while_the_status_stays():
    first = merge(None, [condition()], NOW)
    later = merge({"conditions": first}, [condition(message="other", reason="NotProbed")], NOW + timedelta(hours=1))
    assert later[0]["lastTransitionTime"] == "2026-11-24T12:00:00Z"
    assert later[0]["message"] == "other"


def test_the_time_of_a_transition_moves_with_the_status():
    first = merge(None, [condition()], NOW)
    later = merge({"conditions": first}, [condition("False")], NOW + timedelta(hours=1))
    assert later[0]["lastTransitionTime"] == "2026-11-24T13:00:00Z"


def test_a_forged_time_is_replaced():
    forged = {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "yesterday"}]}
    assert merge(forged, [condition()], NOW)[0]["lastTransitionTime"] == stamp(NOW)


@given(JSON)
def test_no_forged_status_does_any_harm(status):
    found = conditions_of(status)
    assert all(one.status in {"True", "False", "Unknown"} for one in found)
    assert merge(status, [condition()], NOW)[0]["status"] == "True"


def test_well_formed_conditions_are_read_back():
    written = merge(None, [condition()], NOW)
    assert conditions_of({"conditions": written}) == (condition(),)
    assert conditions_of({"conditions": [{"type": "Ready", "status": "True"}]})[0].observed_generation == 0
    assert find(conditions_of({"conditions": written}), "Ready") == condition()
    assert find((), "Ready") is None


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("two\nlines\tand\r\nmore", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("nul\x00 bell\x07", "nul bell"),
        ("gpj\u202eexe", "gpjexe"),
        ("half \ud800 a pair", "half ? a pair"),
    ],
)
def test_foreign_words_become_one_printable_line(words, shown):
    assert clean(words) == shown


@given(st.text())
def test_cleaned_words_stay_short_and_printable(words):
    line = clean(words, limit=50)
    assert len(line) <= 50
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in line)


def test_long_words_end_with_an_ellipsis():
    assert clean("a" * 60, limit=50) == "a" * 49 + "…"


def test_times_are_written_in_utc_and_read_back():
    berlin = datetime(2026, 11, 24, 13, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    assert stamp(berlin) == "2026-11-24T12:00:00Z"
    assert parse_stamp("2026-11-24T12:00:00Z") == NOW
    assert parse_stamp("2026-11-24T12:00:00") == NOW
    assert parse_stamp("never") is None
    assert parse_stamp(7) is None
