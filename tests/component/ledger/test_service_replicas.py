"""Several replicas on one database: no budget exceeded, one queue a deployment, taken over when its owner is gone."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from paceline.decide.ring import order
from paceline.ledger.accounts import standings
from paceline.ledger.balance import differences
from tests.support.ledger import COST, NOW, UNIT, budget
from tests.support.ledger_config import DEPLOYMENT, a_budget, a_config, a_consumer, a_deployment, a_gateway, a_route
from tests.support.ledger_service import Clock, eventually, replicas
from tests.support.records import record

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
CLIENTS, REPLICAS = 64, 3
TRIALS = 100 if FULL else 5
#: What the usual request can cost.
WORST = 3248


def client_of(consumer):
    return f"external.0123abcd.{consumer.replace('/', '.')}"


async def configured(desks, document):
    await desks[0].configure(document)

    async def everywhere():
        answers = [await desk.ask("GET", "/v1/config", "operator") for desk in desks]
        return all(answer.json == {"generation": document["generation"]} for answer in answers)

    await eventually(everywhere, 5, "the document to reach all replicas")


async def test_64_clients_on_a_nearly_empty_budget_over_3_replicas_get_exactly_what_is_left(url, tmp_path, store):
    """Each can cost 3,248 and costs 1,000; they ask and are recorded at whichever replica."""
    dice = random.Random(7)
    left = {f"shop/c{trial}": WORST * dice.randrange(1, 8) + dice.randrange(WORST) for trial in range(TRIALS)}
    consumers = [
        a_consumer(name, budgets=[a_budget(f"{micros // UNIT}.{micros % UNIT:06d}")]) for name, micros in left.items()
    ]
    async with replicas(url, tmp_path, REPLICAS, now_us=Clock(NOW)) as desks:
        await configured(desks, a_config(consumers=consumers))

        async def client(consumer, number):
            name = f"{consumer}-{number}"
            desk, other = dice.choice(desks), dice.choice(desks)
            answer = await desk.admit(name, f"pod-{1 + number % 3}", client_of(consumer))
            assert answer.status in {200, 429}
            if answer.status == 429:
                return 0
            standing = standings(store, consumer, [budget()], NOW)["month"]
            assert standing.spent + standing.reserved <= left[consumer]
            made = record(id=name, request_id=name, consumer=consumer)
            sent = await other.send(made, who=f"pod-{1 + number % 3}", log=name)
            assert sent.json["recorded"] == 1
            return 1

        for consumer, micros in left.items():
            allowed = sum(await asyncio.gather(*(client(consumer, number) for number in range(CLIENTS))))
            standing = standings(store, consumer, [budget()], NOW)["month"]
            assert (standing.spent, standing.reserved) == (allowed * COST, 0)
            assert standing.spent <= micros
            # All is quiet, so only what is spent may stand in the way.
            answer = await dice.choice(desks).admit(f"{consumer}-last", client=client_of(consumer))
            assert (answer.status == 200) == (standing.spent + WORST <= micros)
    assert not differences(store, 0)


def queueing(generation=1, places=3, **changes):
    route = a_route(deployment=DEPLOYMENT, waiting={"maxSeconds": 20, "maxRequests": 1000})
    deployments = [a_deployment(capacityPerEngine=places, **changes)]
    return a_config(generation, gateways=[a_gateway(route)], deployments=deployments)


async def test_a_deployment_has_one_queue_whichever_replica_is_asked(url, tmp_path):
    """Never more than three requests are in flight, and all are served in the end."""
    async with replicas(url, tmp_path, REPLICAS, now_us=Clock(NOW)) as desks:
        await configured(desks, queueing())
        in_flight, most = set(), 0

        async def client(number):
            nonlocal most
            desk = desks[number % REPLICAS]
            answer = await desk.admit(f"r{number}")
            assert answer.status == 200, answer.text
            in_flight.add(number)
            most = max(most, len(in_flight))
            await asyncio.sleep(0)
            in_flight.remove(number)
            made = record(id=f"{number}", request_id=f"r{number}")
            await desks[(number + 1) % REPLICAS].send(made, log=f"{number}")

        await asyncio.gather(*(client(number) for number in range(30)))
        assert most <= 3
        owner = order(DEPLOYMENT, [desk.service.settings.replica for desk in desks])[0]
        having = [desk.service.settings.replica for desk in desks if desk.service.rooms.names]
        assert having == [owner]


class Engines:
    """What the engines of all deployments say they have."""

    def __init__(self, busy):
        self.busy = busy

    async def in_flight(self, _):
        return self.busy


@pytest.mark.parametrize("busy", [0, 2])
async def test_when_the_owner_is_gone_the_next_one_takes_over_and_begins_with_what_the_engines_have(
    url, tmp_path, busy
):
    engines = Engines(busy)
    async with replicas(url, tmp_path, REPLICAS, now_us=Clock(NOW), engines=engines) as desks:
        await configured(desks, queueing(engineUrls=["http://127.0.0.1:1"]))
        ranked = order(DEPLOYMENT, [desk.service.settings.replica for desk in desks])
        ranked = [next(desk for desk in desks if desk.service.settings.replica == name) for name in ranked]
        ranked[0].stop.set()

        async def gone():
            return ranked[0].service.session.closed

        await eventually(gone, 10, "the owner to end")
        assert (await ranked[2].admit("r1")).status == 200
        room = ranked[1].service.rooms.room(DEPLOYMENT)
        assert ranked[2].service.rooms.names == ()

        async def measured():
            return room._queue.in_flight == max(1, busy)

        await eventually(measured, 5, "the engines to be read")
        asked = [asyncio.create_task(ranked[2].admit(f"r{number}")) for number in range(2, 6)]

        async def waits():
            return room.waiting == 4 + max(1, busy) - 3

        await eventually(waits, 5, "the others to wait")
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

        async def left():
            return room.waiting == 0

        await eventually(left, 5, "those to leave that were cancelled")


async def test_who_waits_at_a_replica_that_ends_still_gets_its_place(url, tmp_path):
    """Not taken any more is what comes anew; who waits, waits on for a while."""
    async with replicas(url, tmp_path, now_us=Clock(NOW)) as (desk,):
        await desk.configure(queueing(places=1))
        await desk.admit("r1")
        waiting = asyncio.create_task(desk.admit("r2"))

        async def waits():
            return desk.service.rooms.room(DEPLOYMENT).waiting == 1

        await eventually(waits, 5, "the second to wait")
        polled = await desk.ask("GET", "/readyz")
        assert polled.status == 200
        desk.stop.set()

        async def ends():
            return desk.service.ending

        await eventually(ends, 5, "the end to begin")
        desk.service.rooms.leave(DEPLOYMENT, "r1")
        assert (await asyncio.wait_for(waiting, 2)).status == 200
