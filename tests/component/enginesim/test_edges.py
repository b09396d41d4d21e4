"""Rare paths of the server: old protocols, slow readers, large bodies, our own mistakes."""

import asyncio
import json
import time

import httpx
import pytest

from paceline.enginesim import completions, generation, sse
from tests.support.enginesim import MODEL, Running, in_loop


async def raw(
    server: Running, head: str, document: dict[str, object]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(document).encode()
    writer.write(f"{head}\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    return reader, writer


async def test_an_http_1_0_client_gets_a_stream_without_chunks(server: Running):
    ask = {"model": MODEL, "prompt": "x", "stream": True, "max_tokens": 3, "ignore_eos": True}
    reader, writer = await raw(server, "POST /v1/completions HTTP/1.0", ask)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b"chunked" not in head.lower()
    assert body.startswith(b"data: {")
    assert body.endswith(b"data: [DONE]\n\n")


async def test_a_client_that_does_not_read_is_cut_and_frees_its_place(server: Running, monkeypatch):
    monkeypatch.setattr(sse, "MAX_UNREAD", 1000)
    ask = {"model": MODEL, "prompt": "x", "stream": True, "n": 128, "max_tokens": 8000, "ignore_eos": True}
    _, writer = await raw(server, "POST /v1/completions HTTP/1.1", ask)

    deadline = time.monotonic() + 60
    while not server.records():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    writer.close()
    assert server.records()[0]["reason"] == "abort"


async def test_a_mistake_of_ours_is_500_with_the_request_id_and_no_traceback(server: Running, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(completions.prompts, "texts", broken)
    async with server.http() as http:
        ask = {"model": MODEL, "prompt": "x"}
        answer = await http.post("/v1/completions", json=ask, headers={"x-request-id": "r1"})
    assert answer.status_code == 500
    assert "r1" in answer.json()["error"]["message"]
    assert "secret" not in answer.text


async def test_a_mistake_of_ours_inside_of_a_stream_breaks_it(server: Running, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(generation, "total_usage", broken)
    ask = {"model": MODEL, "prompt": "x", "stream": True, "stream_options": {"include_usage": True}}
    async with server.http() as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post("/v1/completions", json=ask)


async def test_a_body_beyond_the_limit_is_413(server: Running):
    async with server.http() as http:
        answer = await http.post("/v1/completions", content=b" " * (65 << 20))
    assert answer.status_code == 413
    assert "larger than 64 MiB" in answer.json()["error"]["message"]


async def test_a_refusal_in_a_chat_history_is_read(server: Running):
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "I will not."}]}
    async with server.client() as client:
        answer = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "x"}, refused], max_tokens=1
        )
    assert answer.usage.prompt_tokens > 8


async def test_one_of_many_streams_may_be_cut(tmp_path):
    async with in_loop(tmp_path / "t", faults_wanted=("cut-stream=0.5",)) as server, server.http() as http:
        ask = {"model": MODEL, "prompt": "x", "stream": True, "max_tokens": 5, "ignore_eos": True}
        answers = await asyncio.gather(
            *(http.post("/v1/completions", json=ask) for _ in range(20)), return_exceptions=True
        )
    whole = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert 0 < len(whole) < 20
    assert all(answer.text.endswith("data: [DONE]\n\n") for answer in whole)


async def test_an_answer_to_a_slow_upload_comes_at_the_pace_of_the_model(server: Running):
    body = json.dumps({"model": MODEL, "prompt": "x", "max_tokens": 100, "ignore_eos": True}).encode()
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[:10])
    until = time.monotonic() + 1.0  # far more than a busy machine needs to read the head
    async with server.http() as http:
        while time.monotonic() < until:
            assert (await http.get("/health")).status_code == 200
    writer.write(body[10:])
    await reader.read()
    writer.close()
    (record,) = server.records()
    assert record["ttft"] > 0.25 > record["planned_ttft"]
    assert record["tpot"] > 0.5 * record["planned_tpot"]
