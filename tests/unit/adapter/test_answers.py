"""What of answers is checked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from paceline.adapter.answers import contents


def chat(*messages: dict[str, Any]) -> bytes:
    return json.dumps({"choices": [{"index": n, "message": each} for n, each in enumerate(messages)]}).encode()


def events(*documents: Any, end: bytes = b"data: [DONE]\n\n", line: bytes = b"\n\n") -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + line for each in documents) + end


def delta(index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": fields}]}


def test_each_choice_has_a_text() -> None:
    assert contents(chat({"content": "a"}, {"content": "b"}), stream=False) == ["a", "b"]
    assert contents(b'{"choices": [{"text": "a"}, {"text": "b"}]}', stream=False) == ["a", "b"]
    assert contents(chat({"content": None}, {"content": ""}), stream=False) == ["", ""]


@pytest.mark.parametrize("other", [{"tool_calls": [{}]}, {"refusal": "No."}, {"function_call": {"name": "f"}}])
def test_what_is_said_instead_of_content_is_not_checked_and_what_is_said_beside_it_is(other: dict[str, Any]) -> None:
    assert contents(chat({"content": None, **other}, {"content": "b"}), stream=False) == ["b"]
    assert contents(chat({"content": "a", **other}), stream=False) == ["a"]
    assert contents(events(delta(role="assistant"), delta(**other)), stream=True) == []


@pytest.mark.parametrize("line", [b"\n\n", b"\r\n\r\n"])
def test_the_parts_of_a_stream_are_put_together_by_choice(line: bytes) -> None:
    parts: tuple[Any, ...] = (
        delta(content="a"),
        delta(1, content="x"),
        delta(content="b"),
        {"choices": [], "usage": {}},
    )
    assert contents(b": hello\n\n" + events(*parts, line=line), stream=True) == ["ab", "x"]
    assert contents(events({"choices": [{"text": "a"}]}, {"choices": [{"text": "b"}]}), stream=True) == ["ab"]


@pytest.mark.parametrize(
    "body",
    [
        events(delta(content="a"), end=b""),
        events(delta(content="a"), {"error": {"message": "no"}}),
        events({"choices": []}),
        b"data: {\n\ndata: [DONE]\n\n",
        b"",
    ],
)
def test_half_a_stream_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has words of its own
        contents(body, stream=True)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"x", b'{"choices": null}', b'{"error": {}}'])
def test_what_has_no_choices_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has words of its own
        contents(body, stream=False)
