"""What clients send that no client should: one request at most for each answer reaches a server, as it was meant."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import struct
from typing import Any

import pytest
from aiohttp import web

from tests.support.door import CHAT, SECRETS, Door
from tests.support.envoy import LOOPBACK
from tests.support.worlds import eventually

GOOD = b'{"model":"public-b","messages":[]}'
BEARER = b"Authorization: Bearer " + SECRETS["public"].encode()
CHUNKED = b"Transfer-Encoding: chunked"
WHOLE = b"22\r\n" + GOOD + b"\r\n0\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


def raw(
    body: bytes = GOOD,
    *extra: bytes,
    line: bytes = b"POST /v1/chat/completions HTTP/1.1",
    head: tuple[bytes, ...] = (b"Host: gateway", BEARER),
    length: int | None = len(GOOD),
) -> bytes:
    """A request as bytes; without a length where that is None."""
    lines = [line, *head, b"Content-Type: application/json", *extra]
    lines += [b"Content-Length: %d" % length] if length is not None else []
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(body: bytes, *extra: bytes) -> bytes:
    return raw(body, *extra, length=None)


HIDDEN = raw()
#: By name: bytes, and the answers' statuses.
REQUESTS: dict[str, tuple[bytes, list[int]]] = {
    "no host": (raw(head=(BEARER,)), [400]),
    "an absolute target of another host": (raw(line=b"POST http://evil.example/v1/chat/completions HTTP/1.1"), [200]),
    "dots that lead to the path": (raw(line=b"POST /v1/%2e%2e/v1/chat/completions HTTP/1.1"), [200]),
    "a path that ends in null": (raw(line=b"POST /v1/chat/completions%00 HTTP/1.1"), [400]),
    "a path with a null": (raw(line=b"POST /v1/chat/completions\x00 HTTP/1.1"), [400]),
    "a key in the address": (
        raw(line=b"POST /v1/chat/completions?api_key=" + SECRETS["public"].encode() + b" HTTP/1.1", head=(b"Host: a",)),
        [401],
    ),
    "two keys": (raw(GOOD, b"Authorization: Bearer " + SECRETS["staff"].encode()), [401]),
    "a key that the connection should forget": (raw(GOOD, b"Connection: close, authorization"), [401]),
    "two types of content": (raw(GOOD, b"Content-Type: text/plain"), [415]),
    "a length twice": (raw(GOOD, b"Content-Length: 34"), [400]),
    "two lengths": (raw(GOOD, b"Content-Length: 5"), [400]),
    "a length with a sign": (raw(GOOD, b"Content-Length: +34", length=None), [400]),
    "a length that is too short": (raw(length=10), [400]),
    "a length and chunks": (raw(b"0\r\n\r\n" + HIDDEN, CHUNKED, length=5 + len(HIDDEN)), [400]),
    "chunks and a length": (raw(WHOLE, CHUNKED, length=4), [400]),
    "two transfer encodings": (chunked(WHOLE, CHUNKED, b"Transfer-Encoding: identity"), [501]),
    "an unknown transfer encoding": (chunked(WHOLE, b"Transfer-Encoding: xchunked"), [501]),
    "a space before the colon": (chunked(WHOLE, b"Transfer-Encoding : chunked"), [400]),
    "a tab before the encoding": (chunked(WHOLE, b"Transfer-Encoding:\tchunked"), [200]),
    "a chunk with an extension": (chunked(WHOLE.replace(b"22", b"22;a=b", 1), CHUNKED), [200]),
    "a chunk that ends in a line feed": (chunked(WHOLE.replace(b"22\r\n", b"22;\n", 1), CHUNKED), [400]),
    "a negative chunk": (chunked(WHOLE.replace(b"22", b"-1", 1), CHUNKED), [400]),
    "a chunk beyond all numbers": (chunked(WHOLE.replace(b"22", b"f" * 17, 1), CHUNKED), [400]),
    "a chunk of 0x22": (chunked(WHOLE.replace(b"22", b"0x22", 1), CHUNKED), [400]),
    "a folded header": (raw(GOOD, b"X-A: b\r\n c"), [200]),
    "lines without carriage returns": (HIDDEN.replace(b"\r\n", b"\n"), [200]),
    "two in one go": (HIDDEN + HIDDEN, [200, 200]),
    "a request as the body of another": (raw(HIDDEN, line=b"GET /v1/models HTTP/1.1", length=len(HIDDEN)), [200]),
    "CONNECT": (raw(line=b"CONNECT x:443 HTTP/1.1"), [400]),
    "TRACE": (raw(line=b"TRACE /v1/chat/completions HTTP/1.1"), [405]),
    "a web socket": (raw(GOOD, b"Connection: Upgrade", b"Upgrade: websocket"), [403]),
    "HTTP/0.9": (b"GET /v1/models\r\n", [426]),
    "HTTP/1.0": (raw(line=b"POST /v1/chat/completions HTTP/1.0"), [426]),
    "ten thousand headers": (raw(GOOD, *(b"x-%d: y" % number for number in range(10_000))), [431]),
    "a header of a megabyte": (raw(GOOD, b"x-long: " + b"y" * 2**20), [431]),
}
#: Bodies that are refused, with the code.
BODIES: dict[str, tuple[bytes, str]] = {
    "the model twice": (GOOD[:-1] + b',"mod\\u0065l":"secret"}', "duplicate_parameter"),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD, "invalid_json"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "invalid_json"),
    "an overlong slash": (GOOD[:-1] + b',"user":"\xc0\xaf"}', "invalid_utf8"),
    "something behind it": (GOOD + b"x", "invalid_json"),
    "two of them": (GOOD + GOOD, "invalid_json"),
    "a list": (b"[" + GOOD + b"]", "invalid_json"),
    "a hundred thousand levels": (GOOD[:-1] + b',"a":' + b"[" * 10**5 + b"]" * 10**5 + b"}", "too_deep"),
    "a comment": (GOOD[:-1] + b"/**/}", "invalid_json"),
    "one comma too many": (GOOD[:-1] + b",}", "invalid_json"),
    "a control character": (GOOD[:-1] + b',"user":"\x01"}', "invalid_json"),
    "no model": (b'{"messages":[]}', "missing_parameter"),
    "a list of models": (b'{"model":["public-b"]}', "invalid_type"),
    **{
        f"max_tokens of {value}": (GOOD[:-1] + b',"max_tokens":%s}' % value.encode(), code)
        for code, values in (
            ("invalid_value", ("1e999", "-1", "1.5", "9223372036854775808")),
            ("invalid_type", ('"5"', "true", "[]")),
            ("invalid_json", ("NaN", "01")),
        )
        for value in values
    },
    "a million answers": (GOOD[:-1] + b',"n":1000000}', "invalid_value"),
}
#: Names that are no model's.
NAMES = (
    "publіc-b",
    "../public-b",
    "public-b\0",
    "PUBLIC-B",
    " public-b",
    "public-b\ud800",
    "x" * 100_000,
    "*",
    "public-*",
)


async def answers(door: Door, data: bytes) -> tuple[list[int], bytes]:
    """Statuses of the answers, and all that came; a connection that stays open ends the wait."""
    reader, writer = await asyncio.open_connection(LOOPBACK, door.running.gateway.listener.port)
    found = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        writer.write(data)
        while chunk := await asyncio.wait_for(reader.read(65536), 0.3 if found else 5):
            found += chunk
    writer.close()
    return [int(each) for each in STATUS.findall(found)], found


@pytest.mark.timeout(120)
async def test_no_request_is_hidden_in_another(door: Door) -> None:
    for name, (data, expected) in REQUESTS.items():
        before = len(door.second.seen)
        statuses, text = await answers(door, data)
        assert statuses == expected, f"{name}: {text[:400]!r}"
        seen = door.second.seen[before:]
        models = data.startswith(b"GET /v1/models")
        assert len(seen) == (0 if models else expected.count(200)), f"{name}: {seen}"
        for each in seen:
            assert (each["path"], each["body"]["model"], each["body"]["messages"]) == (CHAT, "engine-b", []), name
            assert ("authorization", "Bearer token-of-second") in each["headers"], name
    assert not door.first.seen
    for file in door.folder.rglob("*.jsonl"):
        assert SECRETS["public"] not in file.read_text(), "a key in an address is in no log"


async def test_bodies_that_two_readers_could_read_differently_are_refused(door: Door) -> None:
    for name, (content, code) in BODIES.items():
        found = await door.ask(content=content)
        assert found.error == (400, code), name
    assert not door.first.seen
    assert not door.second.seen


async def test_names_that_are_like_a_model_s_are_not_it(door: Door) -> None:
    for name in NAMES:
        found = await door.ask(content=json.dumps({"model": name, "messages": []}).encode())
        assert found.error in {(404, "model_not_found"), (403, "model_not_found")}, repr(name[:20])
    assert not door.second.seen


async def test_a_stream_that_nobody_reads_is_held_back_at_its_server(door: Door) -> None:
    written = 0

    async def endless(request: web.Request, _body: Any) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        line = b"data: " + b"x" * 65_536 + b"\n\n"
        while written < 400 * 2**20:
            await response.write(line)
            written += len(line)
        return response

    door.first.handler = endless
    before = _memory(door)
    body = b'{"model":"public-a","messages":[],"stream":true}'
    _reader, writer = await asyncio.open_connection(LOOPBACK, door.running.gateway.listener.port, limit=1)
    writer.write(raw(body, length=len(body)))
    # The kernel's buffers take some megabytes on each side; then nothing moves any more.
    still = -1

    def stands() -> bool:
        nonlocal still
        moved, still = written != still, written
        return written > 0 and not moved

    await eventually(stands, 30, "the server is held back")
    assert written < 64 * 2**20
    assert _memory(door) - before < 16 * 2**20
    assert (await door.ask("public-b")).status == 200
    writer.close()


def _memory(door: Door) -> int:
    return int(json.loads(door.running.proxy.admin("/memory"))["allocated"])


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame of HTTP/2 (RFC 9113, 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


DATA, HEADERS, RESET, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_STREAM, END_HEADERS = 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)
#: POST, http, and literals without indexing (RFC 7541, 6.2.2).
FIELDS = b"\x83\x86" + b"\x04" + bytes((len(CHAT),)) + CHAT.encode() + b"\x01\x07gateway"
FLOODS: dict[str, bytes] = {
    "streams that are reset at once": b"".join(
        frame(HEADERS, END_HEADERS, number, FIELDS) + frame(RESET, 0, number, b"\0\0\0\x08")
        for number in range(1, 4001, 2)
    ),
    "headers that never end": frame(HEADERS, 0, 1, FIELDS)
    + b"".join(frame(CONTINUATION, 0, 1, b"\x00\x01a\x7f\x81\x00" + b"b" * 255) for _ in range(2000)),
    "pings": frame(PING, 0, 0, b"12345678") * 50_000,
    "settings": frame(SETTINGS, 0, 0) * 50_000,
    "empty frames": frame(HEADERS, END_HEADERS, 1, FIELDS) + frame(DATA, 0, 1) * 50_000,
    "what the table of headers cannot hold": frame(HEADERS, END_HEADERS | END_STREAM, 1, FIELDS + b"\xff\xff\xff\x07"),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_floods_of_http_2_end_their_connection_and_no_other(door: Door, name: str) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, door.running.gateway.listener.port)
    writer.write(PREFACE)
    with contextlib.suppress(ConnectionError):
        writer.write(FLOODS[name])
        async with asyncio.timeout(10):  # within which the gateway ends it
            while await reader.read(65536):
                pass
    writer.close()
    assert (await door.ask("public-b")).status == 200
    assert not door.first.seen


async def test_a_client_that_never_ends_its_headers_is_given_up(door: Door) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, door.running.gateway.listener.port)
    writer.write(HIDDEN[:60])
    async with asyncio.timeout(15):
        found = await reader.read()
    assert STATUS.findall(found) == [b"408"]
    writer.close()
