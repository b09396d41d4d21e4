"""When a server fails before its first byte, the next one answers, with its own key and its own name of the model."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from aiohttp import web

from paceline.gateway.ir import Branch, Cluster, Endpoint, Pods, Retry, Route
from tests.support.door import Door, answer
from tests.support.envoy import LOOPBACK, free_ports
from tests.support.failing import cutting, hanging
from tests.support.neutral import answered_by


async def failing(status: int) -> web.StreamResponse:
    return web.json_response({"error": {"message": "no"}}, status=status, headers={"retry-after": "30"})


FAILURES = {
    "429": lambda _request, _body: failing(429),
    "500": lambda _request, _body: failing(500),
    "503": lambda _request, _body: failing(503),
    "slow": hanging,
    "cut": cutting,
}


@pytest.mark.parametrize(
    ("failure", "stream"), [(name, stream) for name in FAILURES for stream in (False, True) if stream or name != "slow"]
)
async def test_the_second_answers_when_the_first_fails(door: Door, failure: str, stream: bool) -> None:
    door.first.handler = FAILURES[failure]
    found = await door.ask("fallback", stream=stream)
    assert found.status == 200
    first, second = dict(door.first.seen[0]["headers"]), dict(door.second.seen[0]["headers"])
    assert (first["authorization"], second["authorization"]) == ("Bearer token-of-first", "Bearer token-of-second")
    assert (door.first.seen[0]["body"]["model"], door.second.seen[0]["body"]["model"]) == ("engine-a", "engine-b")
    assert (len(door.first.seen), len(door.second.seen)) == (1, 1)
    record = await door.running.record(found.id)
    assert (record["attempts"], record["cluster"], record["code"]) == (2, "second", 200)
    rows = [(each["type"], each["cluster"]) for each in door.running.records() if each["id"] == found.id]
    assert [(kind.removeprefix("Upstream"), cluster) for kind, cluster in rows if kind.startswith("Upstream")] == [
        ("PoolReady", "first"),
        ("End", "first"),
        ("PoolReady", "second"),
    ]


async def test_a_long_answer_that_is_no_stream_is_waited_for(door: Door) -> None:
    """It has no first byte before its last, and asking another server would cost it all again."""

    async def slow(request: web.Request, body: Any) -> web.StreamResponse:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 1.5)
        return await answer(request, body)

    door.first.handler = slow
    assert json.loads((await door.ask("fallback")).text)["model"] == "engine-a"
    assert not door.second.seen
    assert not [name for name, _ in door.first.seen[0]["headers"] if name.startswith("x-envoy")]


async def test_a_server_without_a_key_does_not_get_the_one_before_s(door: Door) -> None:
    door.first.handler = FAILURES["500"]
    door.change(routes=(Route("fallback", (Branch(answered_by("first", "bare")),)),))
    found = await door.ask("fallback", stream=True)
    assert found.status == 200
    assert "authorization" not in dict(door.second.seen[0]["headers"])
    assert "stream_options" not in door.second.seen[0]["body"]
    assert door.first.seen[0]["body"]["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}


@pytest.mark.parametrize("gone", ["refused", "empty"])
async def test_a_priority_without_a_server_is_passed_over(door: Door, gone: str) -> None:
    (port,) = free_ports(1)
    refused = Cluster("refused", Pods((Endpoint(LOOPBACK, port),)), "m")
    door.change(
        clusters=(*door.running.gateway.clusters, refused),
        routes=(Route("fallback", (Branch(answered_by(gone, "second")),)),),
    )
    found = await door.ask("fallback")
    assert (found.status, len(door.second.seen)) == (200, 1)


async def test_what_no_server_can_answer_is_said_so(door: Door) -> None:
    door.change(routes=(Route("fallback", (Branch(answered_by("empty")),)),))
    found = await door.ask("fallback")
    assert found.error == (503, "service_unavailable")
    assert int(found.headers["retry-after"]) > 0
    door.first.handler = door.second.handler = FAILURES["slow"]
    route = answered_by("first", "second", first_byte_seconds=1, timeout_seconds=2)
    door.change(routes=(Route("fallback", (Branch(route),)),))
    assert (await door.ask("fallback", stream=True)).error == (504, "timeout")


async def test_an_error_that_is_the_client_s_own_is_passed_on(door: Door) -> None:
    async def wrong(_request: web.Request, _body: Any) -> web.StreamResponse:
        return web.json_response({"error": {"message": "your prompt is too long", "code": "too_long"}}, status=400)

    door.first.handler = wrong
    found = await door.ask("fallback")
    assert found.error == (400, "too_long")
    assert not door.second.seen


async def test_failures_that_the_route_does_not_name_are_passed_on(door: Door) -> None:
    door.first.handler = FAILURES["500"]
    door.change(
        routes=(Route("fallback", (Branch(answered_by("first", "second", retry=Retry(2, ("RateLimited",)))),)),)
    )
    assert (await door.ask("fallback")).status == 500
    door.first.handler = FAILURES["429"]
    assert (await door.ask("fallback")).status == 200


async def test_nothing_is_tried_again_after_the_first_byte(door: Door) -> None:
    async def half(request: web.Request, _body: Any) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"choices":[]}\n\n')
        assert request.transport
        request.transport.close()
        return response

    door.first.handler = half
    with pytest.raises(Exception, match=r"payload|closed|disconnected"):
        await door.ask("fallback", stream=True)
    assert not door.second.seen
    door.first.handler = answer
    assert json.loads((await door.ask("fallback")).text)["model"] == "engine-a"
