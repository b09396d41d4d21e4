"""64 clients at once on a nearly empty Hard budget, through three proxies: nothing beyond it is spent or refused.

A trial has a consumer of its own. What was spent is counted by the server that answers, and must be what the ledger
says. PACELINE_TEST_SIZE=full makes 300 trials instead of 3; the seed of what answers cost is printed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from paceline.api import money
from paceline.decide.budget import Budget
from paceline.gateway.ir import (
    Admission,
    Branch,
    Cluster,
    Endpoint,
    Gateway,
    Key,
    Listener,
    Pods,
    Policy,
    Retry,
    Route,
    Service,
)
from paceline.ledger.accounts import standings
from paceline.ledger.balance import differences
from paceline.ledger.store import Store
from paceline.settings import microseconds
from tests.support.door import CHAT, token
from tests.support.envoy import LOOPBACK, Running, Server, free_ports, running, serving
from tests.support.ledger import budget
from tests.support.ledger_config import a_config, a_gateway, a_route
from tests.support.ledger_service import Desk, replicas
from tests.support.neutral import answered_by
from tests.support.shipper import Shipper
from tests.support.worlds import eventually

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
TRIALS = 300 if FULL else 3
PROXIES, CLIENTS = 3, 64
#: Who was refused because of what is under way asks again, so often.
AGAIN = 3
POLICY = Policy("External", "ab12cd34", ("*",), reserves="Money")
OUTPUT = 10
#: Micro-units of an input and of an output token; the largest request can cost, with its template.
INPUT_PRICE, OUTPUT_PRICE = 1, 2
TEMPLATE = 2048


def consumer_of(trial: int) -> str:
    return f"c{trial:03}"


def body_of(trial: int) -> bytes:
    """Most of it is no prompt, but is read by the model."""
    tools = [{"type": "function", "function": {"name": "look_up", "description": "x" * 4000}}]
    content = {"model": "bot", "messages": [], "max_tokens": OUTPUT, "tools": tools, "user": consumer_of(trial)}
    return json.dumps(content).encode()


WORST = (len(body_of(0)) + TEMPLATE) * INPUT_PRICE + OUTPUT * OUTPUT_PRICE


@dataclass
class Truth:
    """A server that answers, and counts whose answers cost how much."""

    dice: random.Random
    spent: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)

    async def answer(self, _request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(self.dice.random() * 0.03)
        # Sometimes all that it may be: then nothing of the reservation is given back.
        asked = self.dice.choice([WORST - OUTPUT * OUTPUT_PRICE, self.dice.randrange(1, 900)])
        usage = {"prompt_tokens": asked, "completion_tokens": OUTPUT}
        who = body["user"]
        self.spent[who] = self.spent.get(who, 0) + asked * INPUT_PRICE + OUTPUT * OUTPUT_PRICE
        self.answers[who] = self.answers.get(who, 0) + 1
        return web.json_response({"model": "engine", "choices": [], "usage": usage})


@dataclass
class Trial:
    """A consumer with a budget for a few requests."""

    number: int
    amount: int

    @property
    def name(self) -> str:
        return f"shop/{consumer_of(self.number)}"

    @property
    def budget(self) -> Budget:
        return budget("month", self.amount, zone=UTC)


@dataclass
class Fleet:
    """Proxies of one gateway, and who asks them."""

    proxies: list[Running]
    shippers: list[Shipper]
    client: aiohttp.ClientSession
    truth: Truth
    store: Store
    done: set[str] = field(default_factory=set)

    async def ask(self, trial: Trial, number: int) -> tuple[int, int]:
        """Status, and after how many seconds to come back."""
        url = self.proxies[number % PROXIES].url + CHAT
        headers = {"authorization": f"Bearer {key_of(trial.number)}", "content-type": "application/json"}
        async with self.client.post(url, data=body_of(trial.number), headers=headers) as response:
            text = await response.text()
            self.done.add(response.headers["x-request-id"])
            assert response.status in {200, 429}, text
            assert response.status == 200 or json.loads(text)["error"]["code"] == "insufficient_quota", text
            return response.status, int(response.headers.get("retry-after", 0))

    async def one(self, trial: Trial, number: int) -> int:
        """A client: it asks until it is answered or nothing is left. 1 where it was answered."""
        for again in range(AGAIN):
            status, seconds = await self.ask(trial, number + again)
            if status == 200:
                return 1
            if seconds > 1:
                return 0
            await asyncio.sleep(self.truth.dice.random() * 0.1)
        return 0

    async def quiet(self) -> None:
        """Wait until the ledger has the record of all that was asked."""

        def shipped() -> bool:
            return self.done <= set().union(*(each.shipped for each in self.shippers))

        await eventually(shipped, 30, "all records to be shipped")

    def stands(self, trial: Trial) -> tuple[int, int]:
        """Spent and reserved."""
        found = standings(self.store, trial.name, [trial.budget], microseconds())["month"]
        return found.spent, found.reserved


def key_of(trial: int) -> str:
    return f"pl_not-a-real-key-of-trial-{trial:03}"


def gateway(folder: Path, number: int, upstream: Server, desk: Desk) -> Gateway:
    listening, admin, agent = free_ports(3)
    admission = Admission("ledger", 20)
    target = answered_by("engine", retry=Retry(0), admission=admission, max_output_tokens=OUTPUT)
    labels = (("backend", "main"), ("model", "engine"))
    secret = token(folder, f"pod-{number + 1}")
    return Gateway(
        name="public",
        namespace="platform",
        listener=Listener(listening, LOOPBACK),
        policies=(POLICY,),
        keys=tuple(Key(POLICY.name, "shop", name, name) for name in map(consumer_of, range(TRIALS))),
        routes=(Route("bot", (Branch(target),)),),
        clusters=(Cluster("engine", Pods((Endpoint(LOOPBACK, upstream.port),)), "engine", labels=labels),),
        services=(Service("ledger", "localhost", desk.port, token_file=secret),),
        peers=(Endpoint(LOOPBACK, listening),),
        agent_port=agent,
        admin_port=admin,
        log_file=str(folder / "requests.jsonl"),
    )


def trials(dice: random.Random) -> list[Trial]:
    """Budgets for one to seven requests, and a part of one."""
    return [Trial(number, WORST * dice.randrange(1, 8) + dice.randrange(WORST)) for number in range(TRIALS)]


def document(known: list[Trial]) -> dict[str, Any]:
    price = {"name": "p", "model": "engine", "inputPerMillion": INPUT_PRICE, "outputPerMillion": OUTPUT_PRICE}
    route = a_route(model="bot", backends=[{"name": "main", "model": "engine"}])
    consumers = [
        {
            "name": each.name,
            "gateways": ["platform/public"],
            "budgets": [{"name": "month", "amount": money.text(each.amount), "period": "Month", "mode": "Hard"}],
        }
        for each in known
    ]
    return a_config(consumers=consumers, gateways=[a_gateway(route, prices=[price])])


@asynccontextmanager
async def fleet(folder: Path, dice: random.Random, known: list[Trial]) -> AsyncIterator[Fleet]:
    truth = Truth(dice)
    upstream, url = Server("engine", truth.answer), f"sqlite:///{folder}/ledger.db"
    secrets = {consumer_of(trial): key_of(trial) for trial in range(TRIALS)}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(upstream))
        (desk,) = await stack.enter_async_context(replicas(url, folder, now_us=microseconds))
        assert (await desk.configure(document(known))).status == 200
        proxies = []
        for number in range(PROXIES):
            own = folder / f"pod-{number + 1}"
            own.mkdir()
            made = gateway(own, number, upstream, desk)
            proxies.append(stack.enter_context(running(made, secrets, own)))
        shippers = [Shipper.of(desk, each.gateway.log_file, f"pod-{number + 1}") for number, each in enumerate(proxies)]
        tasks = [asyncio.create_task(shipping(each)) for each in shippers]
        stack.push_async_callback(ended, tasks)
        client = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        store = Store.open(url)
        stack.callback(store.close)
        yield Fleet(proxies, shippers, client, truth, store)


async def shipping(shipper: Shipper) -> None:
    while True:
        await shipper.ship()
        await asyncio.sleep(0.02)


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    failed = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in failed), failed


@pytest.mark.timeout(60 + 10 * TRIALS)
async def test_a_nearly_empty_budget_is_never_exceeded_and_refuses_nobody_without_need(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    known = trials(dice)
    refused = 0
    async with fleet(tmp_path, dice, known) as found:
        for trial in known:
            answered = sum(await asyncio.gather(*(found.one(trial, number) for number in range(CLIENTS))))
            await found.quiet()
            spent, reserved = found.stands(trial)
            who = consumer_of(trial.number)
            assert (found.truth.spent.get(who, 0), found.truth.answers.get(who, 0)) == (spent, answered)
            assert reserved == 0
            assert spent <= trial.amount
            refused += CLIENTS - answered
            # All is quiet, so only what is spent may stand in the way.
            status, _ = await found.ask(trial, 0)
            assert (status == 200) == (spent + WORST <= trial.amount), (status, spent, trial)
            await found.quiet()
            assert found.stands(trial)[1] == 0
        assert refused, "no budget was nearly empty"
        assert not differences(found.store, 0)
