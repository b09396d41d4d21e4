"""How chat templates differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.fetch.template import MOST_DIFFERENCE, difference, from_json


@pytest.mark.parametrize(
    ("expected", "found", "said"),
    [
        ("a\nb", "a\nb", None),
        ("a\nb\n", "a\nb", None),
        ("a\nb", "a\nc", "line 2: 'b' is expected, the model has 'c'"),
        ("a", "a\nb", "line 2: no such line is expected, the model has 'b'"),
        ("a ", "a", "line 1: 'a ' is expected, the model has 'a'"),
        ("a", None, "the model has no chat template"),
    ],
)
def test_the_first_line_that_differs_is_told(expected: str, found: str | None, said: str | None) -> None:
    assert difference(expected, found) == said


def test_of_a_long_line_the_part_that_differs_is_told() -> None:
    said = difference("x" * 5000 + "LEFT" + "y" * 5000, "x" * 5000 + "RIGHT" + "y" * 5000)
    assert said
    assert "LEFT" in said
    assert "RIGHT" in said


@given(st.text(), st.text())
def test_a_difference_is_short_and_there_when_texts_differ(left: str, right: str) -> None:
    said = difference(left, right)
    assert (said is None) == (left.rstrip("\n") == right.rstrip("\n"))
    assert said is None or (len(said) <= MOST_DIFFERENCE and said.isprintable())


@pytest.mark.parametrize("value", [None, "", 5, [], [{"name": "tools", "template": "x"}], [5], {"default": "x"}])
def test_what_is_no_template_is_none(value: object) -> None:
    assert from_json({"chat_template": value}) is None
