"""Timing of a streamed answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from paceline.cli.completion import BrokenStreamError, Timing, contents, milliseconds, summary


def chunk(content: str | None = None, finish: str | None = None, **more: Any) -> str:
    delta = {} if content is None else {"content": content}
    return "data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}], **more})


def usage(prompt: int, output: int) -> str:
    counted = {"prompt_tokens": prompt, "completion_tokens": output}
    return "data: " + json.dumps({"choices": [], "usage": counted})


def read(*lines: str, times: tuple[float, ...] = ()) -> tuple[list[str], Timing]:
    clock = iter(times or (1.0, 2.0, 3.0, 4.0))
    timing = Timing(sent=0.5)
    return list(contents(lines, timing, lambda: next(clock))), timing


def test_ttft_begins_at_sending_and_ends_at_the_first_content_not_at_the_role() -> None:
    role = 'data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}'
    pieces, timing = read(role, "", chunk("Hel"), chunk("lo"), chunk(finish="stop"), usage(7, 2), "data: [DONE]")
    assert pieces == ["Hel", "lo"]
    assert timing.ttft == pytest.approx(0.5)
    assert timing.tpot == pytest.approx(1.0)
    assert summary(timing) == "TTFT 500 ms · TPOT 1.0 s · 7 prompt + 2 output tokens"


def test_tpot_divides_by_the_tokens_that_the_engine_counted_not_by_the_pieces() -> None:
    _, timing = read(chunk("a b"), chunk("c d e"), usage(1, 6), times=(1.0, 1.05))
    assert timing.tpot == pytest.approx(0.01)


def test_one_token_has_no_tpot() -> None:
    _, timing = read(chunk("x"), usage(1, 1))
    assert timing.tpot is None
    assert summary(timing).startswith("TTFT 500 ms · TPOT – ·")


def test_an_engine_without_usage_is_counted_in_pieces_and_told_so() -> None:
    _, timing = read(chunk("x"), chunk("y"), chunk(finish="length"))
    assert summary(timing) == "TTFT 500 ms · TPOT 1.0 s · 2 pieces (the engine counts no tokens) · ended: length"


def test_plain_completions_reasoning_and_comments_are_read_too() -> None:
    lines = (
        ": ping",
        'data: {"choices": [{"text": "a"}]}',
        'data: {"choices": [{"delta": {"reasoning_content": "b"}}]}',
    )
    assert read(*lines)[0] == ["a", "b"]


def test_nothing_is_read_after_done() -> None:
    assert read("data: [DONE]", chunk("late"))[0] == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param('data: {"error": {"message": "out of blocks"}}', "the engine reported: out of blocks", id="error"),
        pytest.param('data: {"error": "bad"}', "the engine reported: bad", id="text"),
        pytest.param("data: [1]", r"the engine reported: \[1\]", id="no-object"),
        pytest.param("data: <html>", "which is not JSON", id="no-json"),
    ],
)
def test_an_error_inside_the_stream_ends_it_in_words(line: str, words: str) -> None:
    with pytest.raises(BrokenStreamError, match=words):
        read(line)


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "–"), (0.0024, "2.4 ms"), (0.0314, "31 ms"), (1.24, "1.2 s")], ids=str
)
def test_times_are_shown_in_the_unit_that_fits(seconds: float | None, words: str) -> None:
    assert milliseconds(seconds) == words
