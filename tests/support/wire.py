"""HTTP/1.1 by hand, for benches: a server and clients that cost little beside the proxy between them."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from tests.support.envoy import LOOPBACK

_HEAD_END, _DONE = b"\r\n\r\n", b"data: [DONE]\n\n"
_LAST_CHUNK = b"0\r\n\r\n"
#: An answer's last bytes, by which a client knows that it is whole.
_END = b'"end":1}'


def _answer() -> bytes:
    usage = {"prompt_tokens": 280, "completion_tokens": 120, "total_tokens": 400}
    message = {"role": "assistant", "content": "word " * 120}
    body = json.dumps({"id": "c", "choices": [{"message": message}], "usage": usage, "end": 1}, separators=(",", ":"))
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        len(body),
        body.encode(),
    )


def _event(number: int) -> bytes:
    usage = {"prompt_tokens": 280, "total_tokens": 281 + number, "completion_tokens": 1 + number}
    delta = {"index": 0, "delta": {"content": " word"}, "logprobs": None, "finish_reason": None}
    chunk = {"id": "chatcmpl-0123456789abcdef", "object": "chat.completion.chunk", "created": 1790000000}
    text = json.dumps(chunk | {"model": "m", "choices": [delta], "usage": usage}, separators=(",", ":"))
    return b"data: " + text.encode() + b"\n\n"


_ANSWER = _answer()
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _chunked(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)


class _Serving(asyncio.Protocol):
    """Answers as an engine does: whole, or `max_tokens` events, one each `gap` seconds."""

    def __init__(self, gap: float) -> None:
        self._gap, self._buffer = gap, bytearray()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer:
            head, found, _ = bytes(self._buffer[:4096]).partition(_HEAD_END)
            if not found:
                return
            size = _size(head.lower())
            if len(self._buffer) < len(head) + 4 + size:
                return
            body = bytes(self._buffer[len(head) + 4 : len(head) + 4 + min(size, 2048)])
            del self._buffer[: len(head) + 4 + size]
            if b'"stream":true' in body:
                tokens = int(body.partition(b'"max_tokens":')[2].split(b",")[0].split(b"}")[0])
                asyncio.get_running_loop().create_task(self._stream(tokens))
            else:
                self._transport.write(_ANSWER)

    async def _stream(self, tokens: int) -> None:
        loop = asyncio.get_running_loop()
        self._transport.write(_STREAM_HEAD)
        began = loop.time()
        for number in range(tokens):
            self._transport.write(_chunked(_event(number)))
            await asyncio.sleep(max(0.0, began + (number + 1) * self._gap - loop.time()))
        self._transport.write(_chunked(_DONE) + _LAST_CHUNK)


def _size(head: bytes) -> int:
    """Of the body; the proxies of the benches always say it."""
    _, found, rest = head.partition(b"content-length:")
    assert found or head.startswith(b"get "), head
    return int(rest.split(b"\r\n")[0]) if found else 0


def _serve(gap: float, told: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Serving(gap), LOOPBACK, 0, backlog=1024)
        told.send(server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(run())


@contextmanager
def upstream(gap: float = 0.02) -> Iterator[int]:
    """A server in a process of its own; gives its port."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(gap, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.kill()
        process.join()


@dataclass
class Seen:
    """What clients saw.

    Attributes:
        events: Of streams.
        delays: Seconds from each request to its first byte.
    """

    requests: int = 0
    events: int = 0
    wrong: int = 0
    delays: list[float] = field(default_factory=list)


class _Asking(asyncio.Protocol):
    """One connection that asks again and again, each `gap` seconds or, with 0, as soon as it has its answer."""

    def __init__(self, request: bytes, seen: Seen, until: float, gap: float, after: float) -> None:
        self._request, self._seen, self._until = request, seen, until
        self._gap, self._due = gap, time.monotonic() + after
        self._transport: Any = None
        self._tail, self._began, self._first = b"", 0.0, True
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        if self._gap:
            asyncio.get_running_loop().call_later(max(0.0, self._due - time.monotonic()), self._ask)
            self._due += self._gap
        else:
            self._ask()

    def _ask(self) -> None:
        self._tail, self._first, self._began = b"", True, time.monotonic()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        seen = self._seen
        if self._first:
            self._first = False
            seen.delays.append(time.monotonic() - self._began)
            if not data.startswith(b"HTTP/1.1 200"):
                seen.wrong += 1
        seen.events += data.count(b"data: {")
        tail = (self._tail + data)[-64:]
        self._tail = tail
        if tail.endswith((_END, _LAST_CHUNK)):
            seen.requests += 1
            if time.monotonic() < self._until:
                self._next()
            else:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


def request(document: dict[str, Any], key: str, path: str = "/v1/chat/completions") -> bytes:
    """As an SDK sends it."""
    body = json.dumps(document, separators=(",", ":")).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        f"accept: application/json\r\nuser-agent: OpenAI/Python 3.54.0\r\nx-stainless-lang: python\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def asked(port: int, sent: bytes, seconds: float, connections: int, per_second: float = 0) -> Seen:
    """Ask on some connections.

    Args:
        port: Of the proxy.
        sent: Each request.
        seconds: How long; what is under way then is waited for.
        connections: How many.
        per_second: Requests of all of them, at even distances; 0: each connection asks as soon as it has its answer.
    """
    seen, loop, numbers = Seen(), asyncio.get_running_loop(), count()
    until, gap = time.monotonic() + seconds, connections / per_second if per_second else 0.0

    def asking() -> _Asking:
        return _Asking(sent, seen, until, gap, gap * next(numbers) / connections)

    made = [await loop.create_connection(asking, LOOPBACK, port) for _ in range(connections)]
    await asyncio.gather(*(protocol.over for _, protocol in made))
    return seen
