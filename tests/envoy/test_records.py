"""What is written down of each request."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.door import USAGE, Door


async def test_a_record_says_who_asked_what_of_whom_and_what_it_took(door: Door) -> None:
    sent = {"model": "public-a", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, "n": 2}
    found = await door.ask(content=json.dumps(sent).encode())
    record = await door.running.record(found.id)
    assert json.loads(record["request"]) == {
        "client": "external.ab12cd34.ns.acme",
        "model": "public-a",
        "operation": "chat",
        "stream": False,
        "bound": 5,
        "n": 2,
        "prompt_bytes": len('[{"role": "user", "content": "hi"}]'),
        "media": 0,
        "prompts": 1,
        "body_bytes": len(json.dumps(sent)),
    }
    assert json.loads(record["usage"]) == USAGE
    assert (record["route"], record["cluster"], json.loads(record["backend"])) == (
        "public-a/0",
        "first",
        {"backend": "main"},
    )
    assert json.loads(record["target"]) == {"class": "", "ttft": 0, "tpot": 0, "prompt": "kind@1"}
    assert (record["code"], record["attempts"], record["details"]) == (200, 1, "via_upstream")
    assert 0 <= record["first_byte_us"] <= record["last_byte_us"] <= record["duration_us"]


async def test_no_row_holds_a_prompt_or_a_key(door: Door) -> None:
    await door.ask("public-a", user="secret-of-a-client")
    last = await door.ask("public-b", stream=True)
    await door.running.record(last.id)
    rows = door.running.records()
    assert sorted(each["type"] for each in rows) == ["DownstreamEnd"] * 2 + ["UpstreamPoolReady"] * 2
    text = Path(door.running.gateway.log_file).read_text()
    for secret in ("secret-of-a-client", "hi", "Be kind", "pl_not-a-real-key", "token-of"):
        assert secret not in text


async def test_a_stream_s_last_word_on_its_tokens_counts(door: Door) -> None:
    found = await door.ask("public-a", stream=True, max_tokens=4)
    assert json.loads((await door.running.record(found.id))["usage"]) == {"prompt_tokens": 12, "completion_tokens": 4}
    assert door.first.seen[0]["body"]["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}


async def test_what_an_aborted_stream_had_said_is_recorded(door: Door) -> None:
    headers = {"authorization": "Bearer pl_not-a-real-key-public-01"}
    body = {"model": "public-a", "messages": [], "stream": True, "max_tokens": 500}
    url = f"{door.running.url}/v1/chat/completions"
    received = b""
    async with door.client.post(url, json=body, headers=headers) as response:
        while received.count(b"data:") < 20:
            received += await response.content.readany()
        response.close()
    record = await door.running.record(response.headers["x-request-id"])
    tokens = json.loads(record["usage"])["completion_tokens"]
    assert received.count(b"data:") <= tokens < 100
    assert record["flags"] == "DC"


async def test_refused_requests_are_recorded_with_the_reason(door: Door) -> None:
    found = await door.ask(max_tokens=-1)
    record = await door.running.record(found.id)
    assert record["error"] == {"code": "invalid_value", "param": "max_tokens"}
    assert record["request"] is None
    assert (await door.running.record((await door.ask(who="nobody")).id))["code"] == 401


async def test_a_long_answer_is_recorded_while_it_goes_on(door: Door) -> None:
    headers = {"authorization": "Bearer pl_not-a-real-key-public-01"}
    body = {"model": "public-a", "messages": [], "stream": True, "max_tokens": 500}
    async with door.client.post(f"{door.running.url}/v1/chat/completions", json=body, headers=headers) as response:
        record = await door.running.record(response.headers["x-request-id"], "DownstreamPeriodic")
        assert json.loads(record["request"])["client"] == "external.ab12cd34.ns.acme"
        assert json.loads(record["usage"])["completion_tokens"] > 1
