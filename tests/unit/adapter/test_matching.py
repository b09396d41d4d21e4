"""Texts that match a schema, and what is said of those that do not."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from paceline.adapter.matching import MOST_WORDS, problem

ANSWER = json.dumps({"type": "object", "required": ["answer"], "properties": {"answer": {"type": "integer"}}})


@pytest.mark.parametrize("text", ['{"answer": 1}', ' {"answer":1, "more": [null]}\n'])
def test_what_matches_is_right(text: str) -> None:
    assert problem(ANSWER, text) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("```json\n{}\n```", "no JSON"),
        ('{"answer": 1} ', ""),
        ('{"answer": 1}}', "no JSON"),
        ('{"answer": NaN}', "NaN"),
        ('{"answer": 1, "answer": 2}', "twice"),
        ("{}", "'answer' is a required property"),
        ('{"answer": "x"}', "$.answer: 'x' is not of type 'integer'"),
        ("[" * 100_000, "nested"),
    ],
)
def test_a_mismatch_is_told_with_its_place(text: str, words: str) -> None:
    found = problem(ANSWER, text)
    assert words in found
    assert bool(found) == bool(words)


def test_a_long_value_is_not_repeated_whole() -> None:
    assert len(problem(ANSWER, json.dumps({"answer": "x" * 10_000}))) == MOST_WORDS + 1


@pytest.mark.parametrize("reference", ["https://127.0.0.1:1/a.json", "other.json", "#/$defs/none"])
def test_no_reference_is_fetched(reference: str) -> None:
    assert "not in it" in problem(json.dumps({"$ref": reference}), "{}")


def test_not_even_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with warnings.catch_warnings():  # jsonschema would warn of it, and do it
        warnings.simplefilter("ignore")
        assert "not in it" in problem(json.dumps({"$ref": (tmp_path / "a.json").as_uri()}), "{}")


def test_a_schema_that_refers_to_itself_for_ever_ends() -> None:
    assert "nested too deeply" in problem('{"$ref": "#"}', "{}")


def test_the_draft_that_a_schema_names_is_its_own() -> None:
    draft4 = '{"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": true}'
    assert problem(draft4, "1")
    assert not problem('{"minimum": 1}', "1")
