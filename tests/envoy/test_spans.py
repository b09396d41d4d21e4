"""Spans of requests, as a collector gets them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from paceline.adapter.settings import Settings
from paceline.gateway.ir import Branch, Check, Route, Service, Tracing
from tests.support.adapting import adapting
from tests.support.door import SECRETS, USAGE, Door, answer, gateway, models
from tests.support.envoy import LOOPBACK, Server, free_ports, running, serving
from tests.support.neutral import answered_by
from tests.support.spans import Collector, Span
from tests.support.worlds import eventually, stays

FORGED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


async def numbers(_request: web.Request, _body: Any) -> web.StreamResponse:
    return web.json_response({"choices": [{"message": {"content": "7"}}], "usage": USAGE})


@dataclass
class Watched:
    """A gateway, and the collector of its spans."""

    door: Door
    collector: Collector


@asynccontextmanager
async def watched(folder: Path, percent: int) -> AsyncIterator[Watched]:
    """The gateway of the other tests, with spans; answers of public-b are checked by an adapter."""
    first, second, collector = Server("first", answer), Server("second", answer), Collector()
    agent, taking = Server("agent", lambda request, _: models(request)), collector.server()
    async with serving(first, second, agent, taking):
        usual = gateway(folder, first, second, agent)
        adapter, asking, probes = free_ports(3)
        checked = Route("public-b", (Branch(answered_by("first", check=Check("{}"))),))
        made = replace(
            usual,
            routes=(*(each for each in usual.routes if each.model != "public-b"), checked),
            services=(Service("traces", "localhost", taking.port),),
            tracing=Tracing("traces", percent),
            adapter_port=adapter,
            asking_port=asking,
        )
        with running(made, SECRETS, folder) as found:
            url = f"http://{LOOPBACK}:{asking}"
            settings = Settings(found.files.folder, url, local_port=adapter, host=LOOPBACK, port=probes)
            async with adapting(settings), aiohttp.ClientSession() as client:
                yield Watched(Door(found, first, second, agent, client, folder), collector)


async def enough(door: Door) -> None:
    """Spans are sent by five, or after 5 s."""
    for _ in range(4):
        assert (await door.ask("public-a")).status == 200


async def request_span(collector: Collector, request_id: str) -> Span:
    def look() -> Span | None:
        return next((each for each in collector.spans if each.attributes.get("guid:x-request-id") == request_id), None)

    found = await eventually(look, 15, "span")
    assert isinstance(found, Span)
    return found


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_s_span_has_the_names_of_generative_ai_and_no_words_of_it(tmp_path: Path, stream: bool) -> None:
    async with watched(tmp_path, 100) as found:
        await ask_and_look(found.door, found.collector, stream=stream)


async def ask_and_look(door: Door, collector: Collector, *, stream: bool) -> None:
    messages = [{"role": "user", "content": "a secret question"}]
    reply = await door.ask("public-a", stream=stream, messages=messages, max_tokens=3, n=2, headers=FORGED)
    assert reply.status == 200
    await enough(door)
    span = await request_span(collector, reply.id)
    assert span.name == "chat public-a"
    wanted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "paceline",
        "gen_ai.request.model": "public-a",
        "gen_ai.request.max_tokens": "3",
        "gen_ai.request.choice.count": "2",
        "gen_ai.usage.input_tokens": "12",
        "gen_ai.usage.output_tokens": "3",
        "paceline.backend": "main",
        "paceline.client": "external.ab12cd34.ns.acme",
    }
    assert {name: span.attributes.get(name) for name in wanted} == wanted
    assert (span.parent, span.trace == FORGED["traceparent"][3:35]) == ("", False)
    children = [each for each in collector.spans if each.parent == span.number]
    assert len(children) == 1
    assert not [each for each in collector.spans if "secret" in f"{each.name} {each.attributes}"]
    assert (await door.running.record(reply.id))["id"] == reply.id


async def test_the_adapter_s_requests_are_in_the_trace_of_their_client_s_and_under_its_id(tmp_path: Path) -> None:
    async with watched(tmp_path, 100) as found:
        door = found.door
        door.first.handler = numbers
        reply = await door.ask("public-b")
        assert reply.status == 200
        await enough(door)
        span = await request_span(found.collector, reply.id)
        asked = await request_span(found.collector, f"{reply.id}:1")
        assert asked.trace == span.trace
        assert asked.parent
        assert asked.attributes["gen_ai.usage.output_tokens"] == "3"


async def test_a_share_of_spans_changes_no_id(tmp_path: Path) -> None:
    async with watched(tmp_path, 50) as found:
        door = found.door
        door.first.handler = numbers
        replies = [await door.ask("public-b") for _ in range(30)]
        for reply in replies:
            await door.running.record(f"{reply.id}:1")
            await door.running.record(reply.id)
        await enough(door)
        await eventually(lambda: len(found.collector.spans) > 5)
        known = {each.id for each in replies}
        sampled = {str(each.attributes.get("guid:x-request-id")).partition(":")[0] for each in found.collector.spans}
        assert 0 < len(known & sampled) < len(known)


async def test_no_client_chooses_whether_its_request_has_spans(tmp_path: Path) -> None:
    async with watched(tmp_path, 0) as found:
        for _ in range(10):
            assert (await found.door.ask("public-a", headers=FORGED | {"x-client-trace-id": "1"})).status == 200
        await stays(lambda: not found.collector.spans, 1)
