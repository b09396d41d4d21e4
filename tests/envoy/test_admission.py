"""Requests that somebody is asked about, who may answer late."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from paceline.api.question import parse
from paceline.gateway.ir import Admission, Branch, Route, Service
from tests.support.certificates import presenting
from tests.support.door import PUBLIC, Door, token
from tests.support.envoy import Server, free_ports, serving
from tests.support.neutral import answered_by
from tests.support.worlds import eventually


def asking(model: str = "public-b", seconds: int = 2, *, optional: bool = False) -> Route:
    """A route that asks."""
    admission = Admission("ledger", seconds, optional)
    return Route(model, (Branch(answered_by("second", admission=admission)),))


@dataclass
class Ledger:
    """Whom the gateway asks, and what is said next.

    Attributes:
        broken: So many connections break before an answer.
    """

    server: Server
    answer: Callable[[], web.Response] = web.Response
    seconds: float = 0.0
    broken: int = 0


@pytest_asyncio.fixture
async def ledger(door: Door) -> AsyncIterator[Ledger]:
    async def handle(request: web.Request, _body: Any) -> web.StreamResponse:
        if found.broken and request.transport:
            found.broken -= 1
            request.transport.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), found.seconds)
        return found.answer()

    found = Ledger(Server("ledger", handle))
    async with serving(found.server):
        door.change(
            services=(Service("ledger", "localhost", found.server.port),),
            routes=(asking(),),
        )
        yield found


async def test_it_is_asked_with_what_the_gateway_knows_and_without_the_body(door: Door, ledger: Ledger) -> None:
    assert (await door.ask("public-b", max_tokens=7)).status == 200
    (asked,) = ledger.server.seen
    headers = dict(asked["headers"])
    assert asked["path"] == "/v1/admission"
    assert (headers["x-pl-client"], headers["x-pl-model"]) == ("external.ab12cd34.ns.acme", "public-b")
    assert int(headers["x-pl-tokens"]) == 9 + 7
    question = parse(headers["x-pl-request"])
    assert (question.consumer, question.model, question.bound, question.prompts) == ("ns/acme", "public-b", 7, 1)
    assert question.body_bytes > question.prompt_bytes == len('[{"role": "user", "content": "hi"}]')
    assert asked["raw"] == b""


async def test_what_it_is_told_comes_from_no_client_and_reaches_no_server(door: Door, ledger: Ledger) -> None:
    forged = {"x-pl-request": '{"client":"external.ab12cd34.ns.rich","model":"public-b"}'}
    assert (await door.ask("public-b", headers=forged)).status == 200
    (asked,) = ledger.server.seen
    assert [parse(value).consumer for name, value in asked["headers"] if name == "x-pl-request"] == ["ns/acme"]
    door.change(clusters=tuple(replace(each, ours=True) for each in door.running.gateway.clusters))
    assert (await door.ask("public-b", headers=forged)).status == 200
    for seen in door.second.seen:
        assert "x-pl-request" not in dict(seen["headers"])
    assert "x-pl-client" in dict(door.second.seen[-1]["headers"])


def shown(asked: dict[str, Any]) -> list[str]:
    """The credentials that came with a question."""
    return [value for name, value in asked["headers"] if name == "authorization"]


async def test_it_knows_the_gateway_by_a_token_that_is_exchanged_in_time(door: Door, ledger: Ledger) -> None:
    """As Kubernetes exchanges it: a link beside the file turns to another folder."""
    path = Path(token(door.folder, "ledger"))
    door.change(services=(Service("ledger", "localhost", ledger.server.port, token_file=str(path)),))
    assert (await door.ask("public-b")).status == 200
    assert shown(ledger.server.seen[-1]) == ["Bearer token-of-ledger"]
    (path.parent / "new").write_text("exchanged")
    (path.parent / "new").rename(path)

    async def exchanged() -> bool:
        await door.ask("public-b")
        return shown(ledger.server.seen[-1]) == ["Bearer exchanged"]

    await eventually(exchanged, 20)
    assert [dict(each["headers"])["authorization"] for each in door.second.seen][-1] == "Bearer token-of-second"


async def test_what_a_client_says_of_itself_is_not_told(door: Door, ledger: Ledger) -> None:
    door.change(anonymous=PUBLIC.name)

    async def opened() -> bool:
        return (await door.ask("public-b", who="of-a-client")).status == 200

    await eventually(opened, 20)
    assert [shown(each) for each in ledger.server.seen] == [[]]
    door.change(services=(Service("ledger", "localhost", ledger.server.port, "", token(door.folder, "ledger")),))
    assert (await door.ask("public-b", who="of-a-client")).status == 200
    assert shown(ledger.server.seen[-1]) == ["Bearer token-of-ledger"]


async def test_it_is_spoken_to_by_tls_and_only_where_it_has_its_name_from_its_authority(door: Door) -> None:
    async def let_through(_request: web.Request, _body: Any) -> web.StreamResponse:
        return web.Response()

    (own, authority), (other, others) = (presenting(door.folder, name) for name in ("localhost", "other.example.com"))
    right, wrong = Server("ledger", let_through, tls=own), Server("impostor", let_through, tls=other)
    async with serving(right, wrong):
        door.change(services=(Service("ledger", "localhost", right.port, authority),), routes=(asking(),))
        assert (await door.ask("public-b")).status == 200
        for port, trusted in ((wrong.port, others), (right.port, others)):
            door.change(services=(Service("ledger", "localhost", port, trusted),))
            assert (await door.ask("public-b")).error == (503, "admission_unavailable")
    assert (len(right.seen), len(wrong.seen), len(door.second.seen)) == (1, 0, 1)


async def test_a_late_answer_holds_the_request(door: Door, ledger: Ledger) -> None:
    ledger.seconds = 0.7
    started = asyncio.get_running_loop().time()
    assert (await door.ask("public-b")).status == 200
    assert asyncio.get_running_loop().time() - started >= 0.7


@pytest.mark.parametrize("status", [402, 403, 429])
@pytest.mark.parametrize("optional", [False, True])
async def test_a_refusal_reaches_the_client_as_it_is(door: Door, ledger: Ledger, status: int, optional: bool) -> None:
    error = {"message": "busy", "type": "rate_limit_error", "param": None, "code": "engines_busy"}
    ledger.answer = lambda: web.json_response({"error": error}, status=status, headers={"retry-after": "7"})
    door.change(routes=(asking(optional=optional),))
    found = await door.ask("public-b")
    assert (found.status, json.loads(found.text)["error"]) == (status, error)
    assert (found.headers["retry-after"], found.headers["content-type"]) == ("7", "application/json; charset=utf-8")
    assert set(found.headers) == {"content-length", "content-type", "date", "retry-after", "server", "x-request-id"}
    assert found.headers["server"] == "paceline"
    assert not door.second.seen


async def test_without_an_answer_nobody_goes_on(door: Door, ledger: Ledger) -> None:
    ledger.seconds = 30
    found = await door.ask("public-b")
    assert found.error == (503, "admission_unavailable")
    assert int(found.headers["retry-after"]) > 0
    ledger.seconds, ledger.answer = 0, lambda: web.Response(status=500)
    assert (await door.ask("public-b")).error == (503, "admission_unavailable")
    assert not door.second.seen


async def test_those_without_a_hard_budget_go_on_without_an_answer(door: Door, ledger: Ledger) -> None:
    door.change(routes=(asking(optional=True),))
    ledger.seconds = 30
    assert (await door.ask("public-b")).status == 200
    ledger.seconds, ledger.answer = 0, lambda: web.Response(status=503)
    assert (await door.ask("public-b")).status == 200
    assert (len(ledger.server.seen), len(door.second.seen)) == (2, 2)
    (port,) = free_ports(1)
    door.change(services=(Service("ledger", "localhost", port),))
    assert (await door.ask("public-b")).status == 200


async def test_where_nobody_listens_a_hard_budget_is_refused_at_once(door: Door, ledger: Ledger) -> None:
    (port,) = free_ports(1)
    door.change(services=(Service("ledger", "localhost", port),), routes=(asking(seconds=125),))
    began = asyncio.get_running_loop().time()
    found = await door.ask("public-b")
    assert (found.error, int(found.headers["retry-after"]) > 0) == ((503, "admission_unavailable"), True)
    assert asyncio.get_running_loop().time() - began < 2


async def test_a_connection_that_breaks_is_no_refusal(door: Door, ledger: Ledger) -> None:
    ledger.broken = 2
    assert (await door.ask("public-b")).status == 200
    asked = [dict(each["headers"]) for each in ledger.server.seen]
    assert len(asked) == 3
    assert len({(each["x-request-id"], each["x-pl-request"]) for each in asked}) == 1


async def test_who_waits_for_an_answer_is_not_idle(door: Door, ledger: Ledger) -> None:
    """The time-outs of the connection are for the time until a route is known: here they are shorter than the wait."""
    door.change(routes=(asking(seconds=20),))
    place = door.running.files.folder / "lds.json"
    text = place.read_text().replace('"stream_idle_timeout": "60s"', '"stream_idle_timeout": "1s"')
    assert "1s" in text
    door.running.files.write({"lds.json": text.replace('"request_timeout": "120s"', '"request_timeout": "1s"')})

    def taken() -> bool:
        return "listener_manager.listener_modified: 1" in door.running.proxy.admin("/stats?filter=listener_modified")

    await eventually(taken, 15)
    ledger.seconds = 3
    assert (await door.ask("public-b")).status == 200


async def test_routes_that_ask_nobody_are_served_without_it(door: Door, ledger: Ledger) -> None:
    ledger.seconds = 30
    door.change(routes=(Route("public-b", (Branch(answered_by("second")),)),))
    assert (await door.ask("public-b")).status == 200
    assert not ledger.server.seen
