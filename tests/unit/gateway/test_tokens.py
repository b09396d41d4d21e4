"""What a server says that an answer used."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api.record import MOST_TOKENS, UsageSource
from paceline.gateway.tokens import NONE, Tokens, tokens_of

REPORTED = UsageSource.REPORTED


def test_all_figures_are_read() -> None:
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 50,
        "total_tokens": 1050,
        "prompt_tokens_details": {"cached_tokens": 900},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    assert tokens_of(json.dumps(usage)) == Tokens(1000, 900, 50, 30, REPORTED, sound=True)


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 7, "total_tokens": 7}, Tokens(7, 0, 0, 0, REPORTED, sound=True)),
        ({"prompt_tokens": 7.0, "completion_tokens": None}, Tokens(7, 0, 0, 0, REPORTED, sound=True)),
        ({"prompt_tokens": 7, "prompt_tokens_details": None}, Tokens(7, 0, 0, 0, REPORTED, sound=True)),
        ({"prompt_tokens": 7, "completion_tokens": -1}, Tokens(7, 0, 0, 0, REPORTED, sound=False)),
        ({"prompt_tokens": "7", "completion_tokens": 2}, Tokens(0, 0, 2, 0, REPORTED, sound=False)),
        ({"prompt_tokens": True, "completion_tokens": 2}, Tokens(0, 0, 2, 0, REPORTED, sound=False)),
        ({"prompt_tokens": 2.5, "completion_tokens": 2}, Tokens(0, 0, 2, 0, REPORTED, sound=False)),
        ({"prompt_tokens": 10**30}, Tokens(MOST_TOKENS, 0, 0, 0, REPORTED, sound=False)),
        (
            {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}},
            Tokens(5, 5, 0, 0, REPORTED, sound=False),
        ),
        (
            {"completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 9}},
            Tokens(0, 0, 5, 5, REPORTED, sound=False),
        ),
    ],
)
def test_absurd_figures_are_brought_to_what_can_be_and_told(usage: Any, read: Tokens) -> None:
    assert tokens_of(json.dumps(usage)) == read


def test_more_output_than_can_be_is_told() -> None:
    parts = {"reasoning_tokens": 8}
    usage = json.dumps({"prompt_tokens": 7, "completion_tokens": 9, "completion_tokens_details": parts})
    assert tokens_of(usage, 9) == Tokens(7, 0, 9, 8, REPORTED, sound=True)
    assert tokens_of(usage, 5) == Tokens(7, 0, 5, 5, REPORTED, sound=False)


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"prompt_tokens":NaN}', "{" * 2000, "1" * 5000, '{"a":'])
def test_what_is_no_usage_is_missing(text: str) -> None:
    assert tokens_of(text) == NONE


@given(st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens", "x"]), st.integers() | st.floats()))
def test_no_figure_leaves_the_range_of_a_record(usage: Any) -> None:
    found = tokens_of(json.dumps(usage))
    assert 0 <= found.cached <= found.input <= MOST_TOKENS
    assert 0 <= found.reasoning <= found.output <= MOST_TOKENS
