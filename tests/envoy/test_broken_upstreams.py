"""What broken and hostile servers answer: what the client sees of it, and what is recorded."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from paceline.gateway.ir import Branch, Cluster, Endpoint, Pods, Route
from paceline.gateway.journal import Journal
from paceline.gateway.lines import parse
from tests.support.door import Door
from tests.support.envoy import LOOPBACK
from tests.support.lines import GATE
from tests.support.neutral import answered_by
from tests.support.worlds import eventually

#: Cut the connection.
CUT = b""
USED = {"prompt_tokens": 12, "completion_tokens": 3}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END, DONE = b"0\r\n\r\n", b"data: [DONE]\n\n"
#: What is said of the tokens: in, out, whether these are those of the whole answer.
KNOWN, UNKNOWN, PARTLY = (12, 3, True), (0, 0, False), (0, 3, False)


def whole(body: Any, *headers: bytes, status: bytes = b"200 OK") -> list[bytes]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = (b"HTTP/1.1 " + status, b"Content-Type: application/json", *headers, b"Content-Length: %d" % len(content))
    return [b"\r\n".join(lines) + b"\r\n\r\n" + content]


def usage(text: bytes) -> list[bytes]:
    return whole(b'{"choices":[],"usage":' + text + b"}")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(used: dict[str, int] | None = None, text: str = "x") -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}], "usage": used}).encode() + b"\n\n"


def stream(*events: bytes, end: bytes = END) -> list[bytes]:
    return [HEAD, *map(chunk, events), end]


def growing(*counts: int) -> list[bytes]:
    return [event({"prompt_tokens": 12, "completion_tokens": count}) for count in counts]


#: By name: what a server sends; the status that the client sees, 0 for an answer that breaks off; how it is recorded.
CASES: dict[str, tuple[list[bytes], int, str, tuple[int, int, bool]]] = {
    "says nothing of usage": (whole({"choices": []}), 200, "Completed", UNKNOWN),
    "usage of null": (usage(b"null"), 200, "Completed", UNKNOWN),
    "negative usage": (usage(b'{"prompt_tokens":-12,"completion_tokens":-3}'), 200, "Completed", UNKNOWN),
    "usage that is no number": (usage(b'{"prompt_tokens":NaN,"completion_tokens":3}'), 200, "Completed", PARTLY),
    "usage in words": (usage(b'{"prompt_tokens":"12","completion_tokens":"3"}'), 200, "Completed", UNKNOWN),
    "half a token": (usage(b'{"prompt_tokens":12.5,"completion_tokens":3}'), 200, "Completed", PARTLY),
    "usage as a list": (usage(b"[12,3]"), 200, "Completed", UNKNOWN),
    "more than was allowed": (
        usage(b'{"prompt_tokens":12,"completion_tokens":1e308}'), 200, "Completed", (12, 50, False)
    ),
    "a wrong sum": (usage(b'{"prompt_tokens":12,"completion_tokens":3,"total_tokens":1}'), 200, "Completed", KNOWN),
    "a page": (whole(b"<html>hello</html>"), 200, "Completed", UNKNOWN),
    "an error in a good answer": (whole({"error": {"message": "boom"}}), 200, "Completed", UNKNOWN),
    "packed": (
        whole(gzip.compress(json.dumps({"usage": USED}).encode()), b"Content-Encoding: gzip"), 200, "Completed", UNKNOWN
    ),
    "an absurd time to wait": (
        whole({"error": {}}, b"Retry-After: 99999999999", status=b"429 No"), 429, "Shed", UNKNOWN
    ),
    "sent elsewhere": (
        whole(b"", b"Location: http://169.254.169.254/", status=b"302 Found"), 302, "Failed", UNKNOWN
    ),
    "hints without end": ([b"HTTP/1.1 103 Early\r\n\r\n" * 50, *whole({"usage": USED})], 200, "Completed", KNOWN),
    "no headers": ([b"hello there\r\n"], 502, "Failed", UNKNOWN),
    "no text": ([b"\0\1\2\xff" * 100], 502, "Failed", UNKNOWN),
    "two lengths": ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}."], 502, "Failed", UNKNOWN),
    "a length and chunks": (
        [HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n"), chunk(b"{}"), END], 502, "Failed", UNKNOWN
    ),
    "ten thousand headers": (whole({}, *(b"x-%d: y" % number for number in range(10_000))), 502, "Failed", UNKNOWN),
    "less than it announced": ([whole(b"{}")[0].replace(b": 2", b": 500"), CUT], 502, "Failed", UNKNOWN),
    "a second answer behind the first": ([*whole({"usage": USED}), *whole({"evil": 1})], 200, "Completed", KNOWN),
    "a stream without usage": (stream(event(), event(), DONE), 200, "Completed", UNKNOWN),
    "usage in every event": (stream(*growing(1, 2, 3), DONE), 200, "Completed", KNOWN),
    "usage that shrinks": (stream(*growing(9, 3), DONE), 200, "Completed", KNOWN),
    "usage behind the end": (stream(event(), DONE, event(USED)), 200, "Completed", KNOWN),
    "no end": (stream(event(), event(USED)), 200, "Completed", KNOWN),
    "other line ends": (stream(event(USED).replace(b"\n", b"\r\n"), DONE), 200, "Completed", KNOWN),
    "byte by byte": (stream(*(bytes([each]) for each in event(USED, "é€😀")), DONE), 200, "Completed", KNOWN),
    "comments only": (stream(b": ping\n\n" * 50), 200, "Completed", UNKNOWN),
    "an error in mid-stream": (stream(event(), b'data: {"error":{}}\n\n'), 200, "Completed", UNKNOWN),
    "a line of 3 MB": (stream(event(USED, "x" * 3_000_000), DONE), 200, "Completed", KNOWN),
    "no line end": (stream(b"data: " + b"x" * 300_000), 200, "Completed", UNKNOWN),
    "trailers": (stream(event(USED), DONE, end=b"0\r\nx-secret: a\r\n\r\n"), 200, "Completed", KNOWN),
    "cut after an event": ([HEAD, chunk(event(USED)), CUT], 0, "Reset", (12, 3, False)),
    "cut in an event": ([HEAD, b"ffff\r\ndata: ", CUT], 0, "Reset", UNKNOWN),
    "cut in the headers": ([HEAD[:20], CUT], 502, "Failed", UNKNOWN),
}  # fmt: skip


class Broken:
    """A server that says what it was given, whatever it is asked."""

    def __init__(self) -> None:
        self.script: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                (length,) = [int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(length)
                for part in self.script:
                    if part == CUT:
                        return
                    writer.write(part)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.transport.abort()


@pytest_asyncio.fixture
async def broken(door: Door) -> AsyncIterator[Broken]:
    """The server of public-x, with the limits of time of an impatient route."""
    made = Broken()
    server = await asyncio.start_server(made.serve, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    cluster = Cluster("broken", Pods((Endpoint(LOOPBACK, port),)), "engine-x", labels=(("backend", "main"),))
    gateway = door.running.gateway
    route = Route("public-x", (Branch(answered_by("broken", timeout_seconds=10)),))
    door.change(clusters=(*gateway.clusters, cluster), routes=(*gateway.routes, route))
    yield made
    server.close()


async def said(door: Door) -> int:
    try:
        answer = await door.ask("public-x", stream=True, max_tokens=50)
    except aiohttp.ClientPayloadError:
        return 0
    assert "x-secret" not in answer.headers
    assert not {"location", "set-cookie", "alt-svc"} & set(answer.headers)
    if answer.status == 502:
        assert answer.error == (502, "internal_error")
    return answer.status


async def test_the_client_sees_what_there_is_and_nothing_is_recorded_that_cannot_be(door: Door, broken: Broken) -> None:
    path = Path(door.running.gateway.log_file)
    known = 0
    for name, (script, status, outcome, tokens) in CASES.items():
        broken.script = script
        assert await said(door) == status, name

        def ended(known: int = known) -> list[str]:
            lines = path.read_text().splitlines()[known:] if path.exists() else []
            return lines if any('"DownstreamEnd"' in each for each in lines) else []

        found = await eventually(ended, 5, name)
        known += len(found)
        journal = Journal(GATE)
        records = [record for text in found for line in parse(text.encode()) for record in journal.read(line)]
        last = records[-1]
        assert (last.outcome.value, last.backend) == (outcome, "main"), name
        assert (last.input_tokens, last.output_tokens, last.usage_complete) == tokens, name
        assert last.unmeasured == (outcome == "Completed" and not tokens[2]), name
    assert (await door.ask("public-b")).status == 200


async def test_servers_are_asked_not_to_pack_their_answers(door: Door) -> None:
    assert (await door.ask("public-a", headers={"accept-encoding": "gzip, br"})).status == 200
    assert "accept-encoding" not in dict(door.first.seen[-1]["headers"])


@pytest.mark.parametrize("status", [b"101 Switching Protocols", b"304 Not Modified"])
async def test_what_is_no_answer_is_recorded_as_a_failure(door: Door, broken: Broken, status: bytes) -> None:
    broken.script = [b"HTTP/1.1 " + status + b"\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", CUT]
    async with door.client.post(
        door.running.url + "/v1/chat/completions",
        json={"model": "public-x", "messages": []},
        headers={"authorization": "Bearer pl_not-a-real-key-public-01"},
    ) as response:
        record = await door.running.record(response.headers["x-request-id"])
    journal = Journal(GATE)
    (found,) = [each for line in parse(json.dumps(record).encode()) for each in journal.read(line)]
    assert found.outcome.value == "Failed"
