"""A fails in every way there is before its first byte: B answers, once, and the ledger has a row of each attempt.

Everything between client and engines is real: the kinds' translation, agent, Envoy, ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio
from aiohttp import web

from paceline.gateway.ir import Endpoint
from tests.support import gateways
from tests.support.door import CHAT, USAGE, answer
from tests.support.envoy import LOOPBACK, Server, serving
from tests.support.failing import cutting, hanging, status
from tests.support.plant import Plant, a_plant, url_of
from tests.support.ports import free_port
from tests.support.worlds import eventually
from tests.support.written import consumer

#: Micro-units per token, of the prompt and of the answer.
PRICES = {"engine-of-a": (10, 20), "engine-of-b": (30, 40), "engine-of-gone": (50, 60)}
Failing = Callable[[web.Request, Any], Awaitable[web.StreamResponse]]


async def slow(request: web.Request, body: Any) -> web.StreamResponse:
    """Nothing for longer than the first byte may take, then all of it."""
    await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=1.6)
    return await answer(request, body)


#: How A fails, whether the request is a stream, and the outcome and status of A's row. Only of a stream a late first
#: byte says that something is wrong.
FAILURES: list[tuple[str, Failing, bool, tuple[str, int]]] = [
    ("429", status(429), False, ("Shed", 429)),
    ("429", status(429), True, ("Shed", 429)),
    ("500", status(500), False, ("Failed", 500)),
    ("500", status(500), True, ("Failed", 500)),
    ("cut", cutting, False, ("Failed", 0)),
    ("cut", cutting, True, ("Failed", 0)),
    ("times out", hanging, True, ("Failed", 0)),
    ("slow before its first byte", slow, True, ("Failed", 0)),
]


@dataclass
class Drill:
    plant: Plant
    first: Server
    second: Server

    async def asked(self, model: str, stream: bool) -> str:
        """Ask, hear one good answer of B, and give the id."""
        body = {"model": model, "messages": [], "stream": stream}
        headers = {"authorization": f"Bearer {self.plant.written.keys['shop']}"}
        url = url_of(self.plant.hosts[0]) + CHAT
        async with self.plant.client.post(url, json=body, headers=headers) as response:
            text = await response.text()
            assert response.status == 200, text
        assert text.count("[DONE]") == stream
        assert stream or text.count('"choices"') == 1
        last = self.second.seen[-1]
        assert (last["body"]["model"], dict(last["headers"])["authorization"]) == (
            "engine-of-b",
            f"Bearer {self.plant.written.token('md-1')}",
        )
        return response.headers["x-request-id"]

    async def rows(self, number: str, count: int) -> list[dict[str, Any]]:
        """The ledger's rows of a request, once all are there."""
        await eventually(lambda: len(self.plant.rows().get(number, ())) >= count, 10, f"rows of {number}")
        return self.plant.rows()[number]


@pytest_asyncio.fixture
async def drill(tmp_path: Path) -> AsyncIterator[Drill]:
    first, second = Server("first", answer), Server("second", answer)
    local = [gateways.local(name, f"md-{n}", priority=n) for n, name in enumerate(("first", "second"))]
    gone = gateways.local("gone", "md-2", priority=0)
    routes = [
        gateways.route(*local, model="bot", firstByteTimeoutSeconds=1),
        gateways.route(gone, local[1], model="refused"),
    ]
    prices = [
        {"name": each, "model": each, "inputPerMillion": str(one), "outputPerMillion": str(other)}
        for each, (one, other) in PRICES.items()
    ]
    async with serving(first, second):
        ports = {"a": first.port, "b": second.port, "gone": free_port()}
        served_at = {name: Endpoint(LOOPBACK, port) for name, port in ports.items()}
        more = {"routes": routes, "prices": prices, "model": {"exposure": "GatewayOnly"}}
        async with a_plant(tmp_path, served_at, [consumer("shop", ["*"])], **more) as plant:
            yield Drill(plant, first, second)


def paid(model: str) -> int:
    one, other = PRICES[model]
    return USAGE["prompt_tokens"] * one + USAGE["completion_tokens"] * other


async def test_b_answers_and_each_attempt_is_a_row_that_costs_what_was_used(drill: Drill) -> None:
    plant, count = drill.plant, 0
    for name, failing, stream, row in FAILURES:
        drill.first.handler, before = failing, len(drill.first.seen)
        number = await drill.asked("bot", stream)
        asked = [each for each in drill.first.seen[before:] if each["path"] == CHAT]
        assert [(each["body"]["model"], dict(each["headers"])["authorization"]) for each in asked] == [
            ("engine-of-a", f"Bearer {plant.written.token('md-0')}")
        ], name
        one, other = await drill.rows(number, 2)
        assert (one["backend"], one["outcome"], one["status"], one["cost_micros"]) == ("first", *row, 0), name
        assert (other["backend"], other["outcome"], other["cost_micros"]) == (
            "second",
            "Completed",
            paid("engine-of-b"),
        )
        assert (one["usage_complete"], other["usage_complete"]) == (False, True)
        # One that is well keeps A from being left out after several failures.
        drill.first.handler = answer
        assert (await plant.ask("bot", "shop"))[0] == 200
        count += 1
    number = await drill.asked("refused", stream=False)
    one, other = await drill.rows(number, 2)
    assert (one["backend"], one["outcome"], one["status"], one["cost_micros"]) == ("gone", "Failed", 0, 0)
    assert (other["backend"], other["cost_micros"]) == ("second", paid("engine-of-b"))
    await eventually(lambda: len(plant.rows()) == 2 * count + 1)
    rows = [row for found in plant.rows().values() for row in found]
    assert len(rows) == 3 * count + 2
    assert sum(row["cost_micros"] for row in rows) == count * paid("engine-of-a") + (count + 1) * paid("engine-of-b")
