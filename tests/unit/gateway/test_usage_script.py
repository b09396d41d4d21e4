"""What an answer says of its tokens is found however it is cut into pieces."""

from __future__ import annotations

import json
import random

import pytest

from tests.support import lua

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}


def used(*chunks: bytes, status: str = "200") -> str | None:
    seen = lua.request().run("envoy_on_response", {":status": status}, chunks=list(chunks))
    return seen.dynamic.get("paceline", {}).get("usage")


def used_whole(answer: bytes) -> str | None:
    headers = {":status": "200", "content-length": str(len(answer))}
    seen = lua.request().run("envoy_on_response", headers, answer)
    return seen.dynamic.get("paceline", {}).get("usage")


def event(**more: object) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": "x"}}], **more}).encode() + b"\n\n"


ANSWERS = {
    "vllm": json.dumps({"choices": [{"message": {"content": "hi"}}], "usage": USAGE, "prompt_logprobs": None}).encode(),
    "llama.cpp": json.dumps({"usage": USAGE, "data": [{"embedding": [0.5] * 3000}]}).encode(),
    "spaced": b'{ "usage" :\n ' + json.dumps(USAGE).encode() + b"}",
    "stream": event(usage=None) + event(usage=None) + event(usage=USAGE) + b"data: [DONE]\n\n",
    "continuous": b"".join(event(usage={"prompt_tokens": 7, "completion_tokens": n}) for n in range(3))
    + event(usage=USAGE),
    "decoy": json.dumps({"usage": USAGE, "content": 'the "usage": {"prompt_tokens": 999}', "x": "usage"}).encode(),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_it_is_found_in_any_pieces(name: str) -> None:
    answer = ANSWERS[name]
    assert json.loads(used(answer) or "") == json.loads(used_whole(answer) or "") == USAGE
    draw = random.Random(5)
    for _ in range(60):
        cuts = sorted(draw.sample(range(1, len(answer)), draw.randint(1, 6)))
        pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
        assert json.loads(used(*pieces) or "") == USAGE
    assert json.loads(used(*(answer[at : at + 1] for at in range(min(len(answer), 2000)))) or "") == USAGE


def test_an_aborted_stream_keeps_what_it_had_said() -> None:
    chunks = [event(usage={"completion_tokens": n}) for n in range(5)]
    assert json.loads(used(*chunks[:3], b'data: {"usage": {"completion_to') or "") == {"completion_tokens": 2}


@pytest.mark.parametrize(
    "answer", [b"", b"{}", b'{"usage":null}', b'{"usage":', b'"usage"', b'{"usage":{"x":"' + b"y" * 9000 + b'"}}']
)
def test_nothing_is_made_up(answer: bytes) -> None:
    assert used(answer) is None
    assert used_whole(answer) is None
    assert used(*[answer[at : at + 3] for at in range(0, len(answer), 3)]) is None


def test_errors_use_nothing() -> None:
    assert used(ANSWERS["vllm"], status="500") is None


def test_what_is_kept_between_pieces_is_bounded() -> None:
    endless = [b'{"usage":{"x":"'] + [b"y" * 1000] * 200
    assert used(*endless, b'"}, "usage":{"completion_tokens":1}}') == '{"completion_tokens":1}'


@pytest.mark.parametrize("whole", [True, False])
def test_spans_get_the_tokens_of_a_whole_answer_where_there_are_spans(whole: bool) -> None:
    answer = ANSWERS["vllm"]
    headers = {":status": "200"} | ({"content-length": str(len(answer))} if whole else {})
    for context, wanted in (({"span": "s"}, {"input_tokens": "7", "output_tokens": "3"}), ({}, None)):
        chunks = [answer[:50], answer[50:]]
        seen = lua.request().run("envoy_on_response", dict(headers), answer, context=context, chunks=chunks)
        assert seen.dynamic.get("s") == wanted
    embedding = b'{"usage": {"prompt_tokens": 7}}'
    seen = lua.request().run("envoy_on_response", {":status": "200"}, context={"span": "s"}, chunks=[embedding])
    assert seen.dynamic["s"] == {"input_tokens": "7"}
