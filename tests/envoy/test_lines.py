"""What the proxy writes of each way in which a request can end, and the records that come of it.

`GOLDEN=write` keeps the lines for the unit tests, with the names of their cases.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from paceline.gateway.ir import Admission, Branch, Cluster, Denied, Endpoint, External, Mirror, Pods, Refusal, Route
from paceline.gateway.journal import Journal
from paceline.gateway.lines import parse
from tests.support.door import CHAT, SECRETS, Door, answer
from tests.support.envoy import LOOPBACK, Server, serving
from tests.support.failing import cutting, hanging, status
from tests.support.golden import writing
from tests.support.lines import GATE, KEPT, SHOWN, shown
from tests.support.neutral import answered_by
from tests.support.ports import free_port
from tests.support.worlds import eventually


async def begun(request: web.Request) -> None:
    """Three chunks of an answer."""
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    number = 0
    while number < 3:
        number += 1
        await response.write(b'data: {"usage":{"prompt_tokens":12,"completion_tokens":%d}}\n\n' % number)
        await asyncio.sleep(0.02)


async def breaking(request: web.Request, _body: Any) -> web.StreamResponse:
    await begun(request)
    return await cutting(request, None)


async def stalling(request: web.Request, _body: Any) -> web.StreamResponse:
    await begun(request)
    return await hanging(request, None)


async def refusing(_request: web.Request, _body: Any) -> web.StreamResponse:
    """As the ledger refuses."""
    return web.json_response({"error": {}}, status=429, headers={"x-paceline-refusal": "queue_full"})


async def leave(door: Door, model: str, chunks: int) -> None:
    """Ask, and leave after some chunks; with 0 before the answer begins."""
    body = {"model": model, "messages": [], "stream": True, "max_tokens": 500}
    headers = {"authorization": f"Bearer {SECRETS['public']}"}
    patience = aiohttp.ClientTimeout(total=0.3 if chunks == 0 else 10)
    with contextlib.suppress(TimeoutError):
        async with door.client.post(door.running.url + CHAT, json=body, headers=headers, timeout=patience) as response:
            received = b""
            while received.count(b"data:") < chunks:
                received += await response.content.readany()
            response.close()


LABELS = {"first": (("backend", "main"), ("model", "engine-a"), ("deployment", "ml/a"), ("revision", "a-1"))}


def prepared(door: Door, ledger: Server) -> None:
    """Routes for everything that can happen."""
    known = {each.name: each for each in door.running.gateway.clusters}
    clusters = (
        replace(known["first"], labels=LABELS["first"]),
        replace(known["second"], labels=(("backend", "other"), ("model", "engine-b"))),
        known["empty"],
        Cluster("refused", Pods((Endpoint(LOOPBACK, free_port()),)), "m", labels=(("backend", "refused"),)),
        Cluster("unknown", External("nobody.invalid"), "m", labels=(("backend", "unknown"),)),
        Cluster("copy_mirror", Pods((Endpoint(LOOPBACK, door.second.port),)), "copy"),
        Cluster("ledger", Pods((Endpoint(LOOPBACK, ledger.port),)), "none"),
    )
    targets = {
        "public-a": answered_by("first"),
        "public-short": answered_by("first", timeout_seconds=1),
        "public-x": answered_by("refused"),
        "public-u": answered_by("unknown"),
        "public-m": answered_by("first", mirror=Mirror("copy_mirror", 100)),
        "public-q": answered_by("first", admission=Admission("ledger", 5)),
        "fallback": answered_by("first", "second", first_byte_seconds=1),
        "public-fx": answered_by("refused", "second"),
        "public-fu": answered_by("first", "unknown"),
        "secret": answered_by("second"),
    }
    routes = [Route(model, (Branch(each),)) for model, each in targets.items()]
    closed = Route("public-closed", (Branch(Refusal("route_not_governed", "This model has no level.")),))
    door.change(clusters=clusters, routes=(*routes, closed))


CASES: dict[str, tuple[Any, Callable[[Door], Awaitable[Any]]]] = {
    "whole": (answer, lambda door: door.ask("public-a", max_tokens=5)),
    "stream": (answer, lambda door: door.ask("public-a", stream=True)),
    "models": (answer, lambda door: door.ask(path="/v1/models", method="GET")),
    "wrong-body": (answer, lambda door: door.ask(max_tokens=-1)),
    "wrong-key": (answer, lambda door: door.ask(who="nobody")),
    "unknown-model": (answer, lambda door: door.ask("public-zz")),
    "forbidden-model": (answer, lambda door: door.ask("secret")),
    "unknown-path": (answer, lambda door: door.ask(path="/v1/other")),
    "closed": (answer, lambda door: door.ask("public-closed")),
    "queue-full": (answer, lambda door: door.ask("public-q")),
    "fallback-429": (status(429), lambda door: door.ask("fallback", stream=True)),
    "fallback-500": (status(500), lambda door: door.ask("fallback")),
    "fallback-cut": (cutting, lambda door: door.ask("fallback", stream=True)),
    "fallback-slow": (hanging, lambda door: door.ask("fallback", stream=True)),
    "fallback-refused": (answer, lambda door: door.ask("public-fx")),
    "fallback-unknown": (status(500), lambda door: door.ask("public-fu")),
    "all-500": (status(500), lambda door: door.ask("public-a")),
    "backend-400": (status(400), lambda door: door.ask("public-a")),
    "backend-401": (status(401), lambda door: door.ask("public-a")),
    "backend-429": (status(429), lambda door: door.ask("public-a")),
    "refused": (answer, lambda door: door.ask("public-x")),
    "no-address": (answer, lambda door: door.ask("public-u")),
    "broken": (breaking, lambda door: _broken(door, "public-a")),
    "left": (stalling, lambda door: leave(door, "public-a", 3)),
    "left-early": (hanging, lambda door: leave(door, "public-a", 0)),
    "timeout": (hanging, lambda door: door.ask("public-short")),
    "timeout-within": (stalling, lambda door: _broken(door, "public-short")),
    "copied": (answer, lambda door: door.ask("public-m")),
}


#: What may come behind the end of the request.
BEHIND = {"left-early": '"UpstreamEnd"', "copied": "copy_mirror"}


async def _broken(door: Door, model: str) -> None:
    with contextlib.suppress(aiohttp.ClientError):
        await door.ask(model, stream=True)


async def test_each_way_to_end_gives_its_records(door: Door) -> None:
    ledger = Server("ledger", refusing)
    kept: list[dict[str, Any]] = []
    async with serving(ledger):
        prepared(door, ledger)
        assert set(CASES) | {"denied"} == set(SHOWN)
        for name, (handler, ask) in CASES.items():
            door.first.handler = handler
            kept += await _lines(door, name, ask)
        door.first.handler = answer
        door.change(denied=(Denied("external.ab12cd34.ns.acme", "Budget"),))
        kept += await _lines(door, "denied", lambda one: one.ask("public-a"))
    if writing():
        KEPT.write_text("".join(json.dumps(each) + "\n" for each in kept))
    journal = Journal(GATE)
    found: dict[str, list[Any]] = {}
    for each in kept:
        (line,) = parse(each["line"].encode())
        found.setdefault(each["case"], []).extend(shown(record) for record in journal.read(line))
    assert found == SHOWN
    assert not journal.state.open


async def _lines(door: Door, name: str, ask: Callable[[Door], Awaitable[Any]]) -> list[dict[str, Any]]:
    """The lines that a request causes."""
    path = Path(door.running.gateway.log_file)
    before = len(path.read_text().splitlines()) if path.exists() else 0
    await ask(door)
    marks = ('"DownstreamEnd"', BEHIND.get(name, ""))
    await eventually(lambda: all(each in "".join(path.read_text().splitlines()[before:]) for each in marks), 5, name)
    return [{"case": name, "line": each} for each in path.read_text().splitlines()[before:]]
