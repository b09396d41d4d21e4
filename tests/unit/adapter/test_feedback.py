"""The second request."""

from __future__ import annotations

import json

import pytest

from paceline.adapter import feedback
from paceline.adapter.feedback import MOST_ANSWER, once_more
from paceline.adapter.matching import MOST_WORDS
from paceline.gateway.ir import FEEDBACK_BYTES


def test_a_conversation_goes_on() -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], "seed": 12345678901234567890})
    again = once_more(body.encode(), "{}", "It lacks a.")
    assert again is not None
    document = json.loads(again)
    assert document["messages"][:2] == [{"role": "user", "content": "x"}, {"role": "assistant", "content": "{}"}]
    assert "It lacks a." in document["messages"][2]["content"]
    assert (document["model"], document["seed"]) == ("m", 12345678901234567890)


def test_a_prompt_gets_longer() -> None:
    again = once_more(b'{"prompt": "Say."}', "{}", "It lacks a.")
    assert again is not None
    assert json.loads(again)["prompt"].startswith("Say.{}\n\nYour answer does not match")


@pytest.mark.parametrize("body", [b'{"prompt": ["a", "b"]}', b'{"prompt": "a", "seed": 1e999}', b"[", b"[" * 100_000])
def test_what_has_no_place_for_it_is_not_asked_again(body: bytes) -> None:
    assert once_more(body, "{}", "It lacks a.") is None


def test_a_long_request_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "MOST_REQUEST", 10)
    assert once_more(b'{"prompt": "Say."}', "{}", "") is None


def test_what_is_added_is_less_than_a_budget_reserves_for_it() -> None:
    again = once_more(b'{"messages": []}', "é" * MOST_ANSWER + "\ud800", "\u20ac" * (MOST_WORDS + 1))
    assert again is not None
    said, words = (each["content"] for each in json.loads(again)["messages"])
    assert set(said) == {"é"}
    assert MOST_ANSWER - 2 < len(said.encode()) <= MOST_ANSWER
    assert len(said.encode()) + len(words.encode()) < FEEDBACK_BYTES
