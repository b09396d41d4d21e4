"""The real ledger behind a real Envoy: clients hear what it says, who waits is let through, who left holds nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest_asyncio

from paceline.gateway.ir import Admission, Branch, Policy, Route, Service
from paceline.ledger.accounts import standings
from paceline.ledger.store import Store
from paceline.settings import microseconds
from tests.support.certificates import certificate_for
from tests.support.door import SECRETS, STAFF, Door, token
from tests.support.ledger import budget
from tests.support.ledger_config import DEPLOYMENT, a_budget, a_config, a_consumer, a_deployment, a_gateway, a_route
from tests.support.ledger_service import Desk, replicas
from tests.support.neutral import answered_by, key
from tests.support.shipper import Shipper
from tests.support.worlds import eventually

HARD = Policy("External", "ab12cd34", ("*",), reserves="Money")


@dataclass
class House:
    """A door whose ledger is the real one.

    Attributes:
        url: Of the ledger's database.
    """

    door: Door
    desk: Desk
    shipper: Shipper
    url: str

    async def told(self, *routes: dict[str, Any], consumer: dict[str, Any] | None = None, **more: Any) -> None:
        """Tell the ledger of Consumer ns/acme and of some routes."""
        gateway = a_gateway(*routes, prices=[])
        gateway["prices"] = [{"name": "p", "model": "engine-b", "inputPerMillion": 1, "outputPerMillion": 2}]
        known = [a_consumer("ns/acme", **(consumer or {})), a_consumer("ns/staff")]
        book = self.desk.service.book
        generation = book.generation + 1 if book else 1
        answer = await self.desk.configure(a_config(generation, consumers=known, gateways=[gateway], **more))
        assert answer.status == 200, answer.text

    async def reserved(self) -> int:
        """What is reserved of the month's budget."""

        def look() -> int:
            store = Store.open(self.url)
            try:
                return standings(store, "ns/acme", [budget()], microseconds())["month"].reserved
            finally:
                store.close()

        return await asyncio.to_thread(look)


def route_to(model: str, backend: str = "second", seconds: int = 5, *, optional: bool = False) -> Route:
    """A route that asks, and sends each request once."""
    target = answered_by(backend, admission=Admission("ledger", seconds, optional))
    return Route(model, (Branch(replace(target, retry=replace(target.retry, attempts=0))),))


def entry(model: str, **more: Any) -> dict[str, Any]:
    return a_route(model=model, backends=[{"name": "main", "model": "engine-b"}], **more)


@asynccontextmanager
async def housed(door: Door, folder: Path) -> AsyncIterator[House]:
    url = f"sqlite:///{folder}/ledger.db"
    certificate, private = certificate_for("localhost")
    (folder / "tls").mkdir()
    (folder / "tls" / "tls.crt").write_bytes(certificate)
    (folder / "tls" / "tls.key").write_bytes(private)
    async with replicas(url, folder, now_us=microseconds, tls=folder / "tls") as (desk,):
        labels = (("backend", "main"), ("model", "engine-b"))
        clusters = tuple(
            replace(each, labels=labels) if each.name == "second" else each for each in door.running.gateway.clusters
        )
        known = Service("ledger", "localhost", desk.port, str(folder / "tls" / "tls.crt"), token(folder, "pod-1"))
        door.change(
            clusters=clusters,
            policies=(HARD, STAFF),
            keys=(key(HARD, "acme", "public"), key(STAFF, "staff", "staff")),
            services=(known,),
            routes=(route_to("public-b"),),
        )
        yield House(door, desk, Shipper.of(desk, door.running.gateway.log_file), url)


@pytest_asyncio.fixture
async def house(door: Door, tmp_path: Path) -> AsyncIterator[House]:
    async with housed(door, tmp_path) as found:
        yield found


async def test_what_it_says_reaches_the_client(house: House) -> None:
    told, ask = house.told, house.door.ask
    assert (await ask("public-b")).error == (503, "admission_unavailable")
    await told(entry("public-b"))
    assert (await ask("public-b")).status == 200
    await told(entry("public-b"), consumer={"suspended": True})
    assert (await ask("public-b")).error == (403, "consumer_suspended")
    await told(a_route(model="public-b"), consumer={"budgets": [a_budget()]})
    assert (await ask("public-b")).error == (403, "model_not_priced")
    await told(entry("public-b"), consumer={"budgets": [a_budget("0.001")]})
    found = await ask("public-b")
    assert found.error == (429, "insufficient_quota")
    assert int(found.headers["retry-after"]) > 0
    assert len(house.door.second.seen) == 1


async def test_the_worst_case_is_reserved_of_the_whole_body_and_of_every_prompt(house: House) -> None:
    gate = asyncio.Event()
    usual = house.door.second.handler

    async def held(request: Any, body: Any) -> Any:
        await gate.wait()
        return await usual(request, body)

    house.door.second.handler = held
    await house.told(entry("public-b"), consumer={"budgets": [a_budget("100")]})
    body = b'{"model":"public-b","prompt":["a","b","c"],"max_tokens":10,"suffix":"%s"}' % (b"x" * 5000)
    going = asyncio.create_task(house.door.ask(path="/v1/completions", content=body))
    await eventually(lambda: bool(house.door.second.seen))
    assert await house.reserved() == len(body) + 2048 + 3 * 10 * 2
    gate.set()
    found = await going
    assert found.status == 200
    await house.door.running.record(found.id)
    await house.shipper.ship()
    assert await house.reserved() == 0


def queueing(**more: Any) -> dict[str, Any]:
    """One place, for which requests wait."""
    waiting = {"maxSeconds": 20, "maxRequests": 2} | more
    return entry("public-b", deployment=DEPLOYMENT, waiting=waiting)


async def shipped(house: House, count: int) -> None:
    """The records of so many answers are shipped."""

    async def look() -> bool:
        await house.shipper.ship()
        return house.shipper.answered == count

    await eventually(look, 5, f"{count} records")


async def waits(house: House, count: int) -> None:
    await eventually(lambda: house.desk.service.rooms.room(DEPLOYMENT).waiting == count, 5, f"{count} to wait")


async def test_who_waits_is_let_through_when_another_is_done(house: House) -> None:
    house.door.change(routes=(route_to("public-b", seconds=25),))
    await house.told(queueing(), deployments=[a_deployment(capacityPerEngine=1)])
    first = await house.door.ask("public-b")
    later = [asyncio.create_task(house.door.ask("public-b")) for _ in range(2)]
    await waits(house, 2)
    full = await house.door.ask("public-b")
    assert full.error == (429, "queue_full")
    assert int(full.headers["retry-after"]) > 0
    assert (first.status, len(house.door.second.seen)) == (200, 1)
    for left in (1, 0):
        await shipped(house, 2 - left)
        await waits(house, left)
    assert [each.status for each in await asyncio.gather(*later)] == [200, 200]


async def test_who_waits_too_long_is_told_when_to_come_back(house: House) -> None:
    house.door.change(routes=(route_to("public-b", seconds=6),))
    await house.told(queueing(maxSeconds=1), deployments=[a_deployment(engines=0)])
    found = await house.door.ask("public-b")
    assert found.error == (429, "queue_timeout")
    assert int(found.headers["retry-after"]) > 0
    assert not house.door.second.seen


async def test_a_request_that_waits_for_the_first_engine_is_answered_when_it_is_there(house: House) -> None:
    house.door.change(routes=(route_to("public-b", seconds=25, optional=True),))
    await house.told(queueing(), deployments=[a_deployment(engines=0)])
    going = asyncio.create_task(house.door.ask("public-b"))
    await waits(house, 1)
    await house.told(queueing(), deployments=[a_deployment(engines=1)])
    assert (await going).status == 200


async def test_who_leaves_while_waiting_gives_back_its_place_and_its_money(house: House) -> None:
    house.door.change(routes=(route_to("public-b", seconds=25),))
    hard = {"budgets": [a_budget("100")]}
    await house.told(queueing(), consumer=hard, deployments=[a_deployment(engines=0)])
    going = asyncio.create_task(house.door.ask("public-b"))
    await waits(house, 1)
    assert await house.reserved() > 0
    going.cancel()
    await waits(house, 0)

    async def given_back() -> bool:
        return not await house.reserved()

    await eventually(given_back, 5)
    assert not house.door.second.seen


async def test_a_token_that_is_not_known_is_no_fault_of_the_client(house: House) -> None:
    await house.told(entry("public-b"))
    (service,) = house.door.running.gateway.services
    strange = token(house.door.folder, "strange")
    house.door.change(services=(replace(service, token_file=strange),), routes=(route_to("public-b"),))

    async def refused() -> bool:
        return (await house.door.ask("public-b")).status != 200

    await eventually(refused, 20)
    assert (await house.door.ask("public-b")).error == (503, "admission_unavailable")
    house.door.change(routes=(route_to("public-b", optional=True),))
    assert (await house.door.ask("public-b")).status == 200


async def test_while_it_is_away_only_hard_budgets_are_refused(house: House) -> None:
    await house.told(entry("public-b"), consumer={"budgets": [a_budget("100")]})
    soft = route_to("public-b", optional=True).branches[0]
    hard = replace(route_to("public-b").branches[0], reserves="Money")
    house.door.change(routes=(Route("public-b", (hard, soft)),))
    assert [(await house.door.ask("public-b", who)).status for who in SECRETS] == [200, 200]
    house.desk.stop.set()

    async def gone() -> bool:
        return (await house.door.ask("public-b")).status == 503

    await eventually(gone, 10)
    mine, others = [await house.door.ask("public-b", who) for who in SECRETS]
    assert mine.error == (503, "admission_unavailable")
    assert int(mine.headers["retry-after"]) > 0
    assert others.status == 200
