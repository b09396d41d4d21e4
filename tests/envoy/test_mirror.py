"""Copies of requests: the server that gets them is asked its own way, and nobody learns of its answers."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from paceline.api.record import Outcome
from paceline.gateway.ir import MIRROR, Branch, Cluster, Endpoint, Mirror, Pods, Route
from paceline.gateway.journal import Journal
from paceline.gateway.lines import parse
from paceline.gateway.underway import Gate
from tests.support.door import Door, answer, token
from tests.support.envoy import LOOPBACK, Handler
from tests.support.neutral import answered_by
from tests.support.worlds import eventually, stays

SHADOW = f"shadow{MIRROR}"


def mirrored(door: Door, percent: int = 100, first: str = "bare", **more: Any) -> None:
    """Requests of public-b are answered by the second server, copies go to the first, which has its own token."""
    shadow = Cluster(
        SHADOW,
        Pods((Endpoint(LOOPBACK, door.first.port),)),
        "engine-shadow",
        "Continuous",
        token(door.folder, "shadow"),
    )
    target = answered_by(first, mirror=Mirror(SHADOW, percent), **more)
    clusters = [each for each in door.running.gateway.clusters if each.name != SHADOW]
    door.change(clusters=(*clusters, shadow), routes=(Route("public-b", (Branch(target),)),))


@pytest.mark.parametrize("first", ["bare", "second"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_copy_is_what_its_server_wants_and_has_nothing_of_the_gateway(
    door: Door, stream: bool, first: str
) -> None:
    mirrored(door, first=first)
    found = await door.ask("public-b", stream=stream, max_tokens=3)
    assert found.status == 200
    assert (
        await door.ask("public-b", path="/v1/embeddings", content=b'{"model":"public-b","input":"x"}')
    ).status == 200
    await eventually(lambda: len(door.first.seen) == 2)
    copy, embedding = sorted(door.first.seen, key=lambda each: "messages" not in each["body"])
    assert copy["body"]["model"] == embedding["body"]["model"] == "engine-shadow"
    assert copy["path"] == "/v1/chat/completions"
    assert embedding["path"] == "/v1/embeddings"
    options = {"include_usage": True, "continuous_usage_stats": True} if stream else None
    assert copy["body"].get("stream_options") == options
    headers = dict(copy["headers"])
    assert headers["authorization"] == "Bearer token-of-shadow"
    assert not [name for name in headers if name.startswith("x-pl-")]
    assert len(door.second.seen) == 2


async def test_what_becomes_of_a_copy_is_nothing_to_the_client_and_its_lines_are_known_by_their_cluster(
    door: Door,
) -> None:
    async def failing(_request: web.Request, _body: Any) -> web.StreamResponse:
        return web.json_response({}, status=500)

    mirrored(door)
    door.first.handler = failing
    found = await door.ask("public-b")
    assert found.status == 200
    await eventually(lambda: bool(door.first.seen))
    record = await door.running.record(found.id)
    assert (record["cluster"], record["attempts"]) == ("bare", 1)

    def lines() -> list[dict[str, Any]]:
        return [each for each in door.running.records() if each["cluster"] == SHADOW]

    await eventually(lambda: {each["type"] for each in lines()} == {"UpstreamPoolReady", "UpstreamEnd"})
    assert not [each for each in lines() if "usage" in each]


def metered(tokens: int, status: int = 200) -> Handler:
    """A server whose answers, whole or streams, use that much."""
    usage = {"prompt_tokens": tokens, "completion_tokens": tokens}

    async def handler(request: web.Request, body: Any) -> web.StreamResponse:
        if not body.get("stream") or status != 200:
            return web.json_response({"choices": [{"message": {"content": "x"}}], "usage": usage}, status=status)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for part in ({"choices": [{"delta": {"content": "x"}}]}, {"choices": [], "usage": usage}):
            await response.write(b"data: " + json.dumps(part).encode() + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response

    return handler


async def test_copies_leave_no_record_so_that_nobody_pays_for_them_and_nothing_of_them_is_measured(door: Door) -> None:
    mirrored(door, first="second")
    door.second.handler = metered(5)
    cases = [(stream, copy) for stream in (False, True) for copy in (metered(700), metered(700, 500))]
    asked = []
    for stream, copy in cases:
        door.first.handler = copy
        before = len(door.first.seen)
        found = await door.ask("public-b", stream=stream)
        assert found.status == 200
        asked.append(found.id)
        await eventually(lambda before=before: len(door.first.seen) > before)

    def lines() -> list[dict[str, Any]]:
        return [each for each in door.running.records() if each["cluster"] == SHADOW]

    # Each copy has its line; those that failed have a second one.
    await eventually(lambda: len(lines()) == len(cases) + 2)
    for request_id in asked:
        await door.running.record(request_id)
    journal = Journal(Gate("ns/public", {}))
    texts = Path(door.running.gateway.log_file).read_bytes().splitlines()
    found_records = [record for text in texts for line in parse(text) for record in journal.read(line)]
    assert [each.request_id for each in found_records] == asked
    assert {(each.attempts, each.outcome, each.input_tokens, each.output_tokens) for each in found_records} == {
        (1, Outcome.COMPLETED, 5, 5)
    }
    assert not journal.interrupted(2**62)
    stats = door.running.proxy.admin("/stats?filter=http.gateway.downstream_rq_total$")
    assert stats.strip() == f"http.gateway.downstream_rq_total: {len(cases)}"


async def test_a_server_of_copies_that_hangs_holds_nobody(door: Door) -> None:
    async def hanging(_request: web.Request, _body: Any) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    mirrored(door)
    door.first.handler = hanging
    started = asyncio.get_running_loop().time()
    assert (await door.ask("public-b")).status == 200
    assert asyncio.get_running_loop().time() - started < 2


async def test_a_share_of_the_requests_is_copied(door: Door) -> None:
    mirrored(door, percent=30)
    door.first.handler = answer
    for _ in range(200):
        assert (await door.ask("public-b")).status == 200
    await eventually(lambda: len(door.first.seen) >= 30)
    await stays(lambda: len(door.first.seen) <= 95)
    mirrored(door)
    before = len(door.first.seen)
    assert (await door.ask("public-b")).status == 200
    await eventually(lambda: len(door.first.seen) == before + 1)


async def test_fallback_and_copies_go_together(door: Door) -> None:
    mirrored(door)
    (route,) = door.running.gateway.routes
    target = replace(route.branches[0].target, groups=(*answered_by("empty", "second").groups,))
    door.change(routes=(Route("public-b", (Branch(target),)),))
    assert (await door.ask("public-b")).status == 200
    await eventually(lambda: len(door.first.seen) == 1)
    assert len(door.second.seen) == 1
