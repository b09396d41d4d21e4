"""A collector of spans: as much of OTLP by HTTP as tests need, read from the wire format of Protocol Buffers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.envoy import Server


@dataclass(frozen=True)
class Span:
    """A span. Parent is "" for a root."""

    trace: str
    number: str
    parent: str
    name: str
    attributes: dict[str, str]


@dataclass
class Collector:
    """Takes spans at /v1/traces."""

    spans: list[Span] = field(default_factory=list)

    def server(self) -> Server:
        async def take(request: web.Request, _: object) -> web.StreamResponse:
            assert request.path == "/v1/traces"
            self.spans += spans(await request.read())
            return web.Response()

        return Server("collector", take)


def spans(body: bytes) -> Iterator[Span]:
    """Those of an ExportTraceServiceRequest."""
    for resource in _all(body, 1):
        for scope in _all(resource, 2):
            yield from map(_span, _all(scope, 2))


def _span(body: bytes) -> Span:
    trace, number, parent = (next(_all(body, each), b"").hex() for each in (1, 2, 4))
    pairs = {next(_all(each, 1)).decode(): next(_all(next(_all(each, 2)), 1), b"").decode() for each in _all(body, 9)}
    return Span(trace, number, parent, next(_all(body, 5), b"").decode(), pairs)


def _all(body: bytes, wanted: int) -> Iterator[bytes]:
    """Fields of one number that have a length."""
    at = 0
    while at < len(body):
        key, at = _number(body, at)
        kind = key & 7
        if kind == 0:
            _, at = _number(body, at)
            continue
        size = {1: 8, 5: 4}.get(kind, 0)
        if kind == 2:
            size, at = _number(body, at)
            if key >> 3 == wanted:
                yield body[at : at + size]
        at += size


def _number(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = body[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
