"""POST /v1/admission: reserved, counted, queued, and answered once the request may go on."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from paceline.ledger.accounts import standings
from paceline.ledger.balance import differences
from paceline.ledger.errors import StoreUnavailable
from tests.support.ledger import COST, NOW, SECOND, budget
from tests.support.ledger_config import (
    CLIENT,
    CONSUMER,
    DEPLOYMENT,
    a_budget,
    a_config,
    a_consumer,
    a_deployment,
    a_gateway,
    a_route,
)
from tests.support.ledger_service import Clock, eventually, replicas
from tests.support.records import record

#: What the usual request can cost: a token for each of 1,000 bytes, 2,048 of the template, 2 x 100 of the answer.
WORST = 3248


def stands(store, now_us=NOW):
    standing = standings(store, CONSUMER, [budget()], now_us)["month"]
    return standing.spent, standing.reserved


def hard(amount, **changes):
    return a_consumer(budgets=[a_budget(amount)], **changes)


def queueing(seconds=5, places=1, most=100, consumers=None, **changes):
    """A route whose requests wait for one engine."""
    route = a_route(deployment=DEPLOYMENT, waiting={"maxSeconds": seconds, "maxRequests": most})
    deployment = a_deployment(capacityPerEngine=places, **changes)
    return {
        "gateways": [a_gateway(route)],
        "deployments": [deployment],
        "consumers": consumers or [a_consumer(), a_consumer("shop/other")],
    }


OTHER = CLIENT.replace("acme", "other")


@pytest.fixture
async def desk(url, tmp_path):
    async with replicas(url, tmp_path, now_us=Clock(NOW)) as (one,):
        yield one


async def waiting(desk, count):
    async def look():
        return desk.service.rooms.room(DEPLOYMENT).waiting == count

    await eventually(look, 5, f"{count} to wait")


async def test_a_consumer_without_budgets_goes_on_without_the_store(desk, store, monkeypatch):
    await desk.configure(a_config())
    monkeypatch.setattr("paceline.ledger.reservations.reserve", None)
    assert (await desk.admit()).status == 200


async def test_what_a_request_can_cost_is_reserved_and_settled_by_its_record(desk, store):
    await desk.configure(a_config(consumers=[hard("1")]))
    assert (await desk.admit()).status == 200
    assert stands(store) == (0, WORST)
    await desk.send(record())
    assert stands(store) == (COST, 0)
    assert not differences(store, 0)


async def test_what_a_hard_budget_cannot_bear_is_refused_in_the_openai_form(desk, store):
    await desk.configure(a_config(consumers=[hard("0.005")]))
    assert (await desk.admit("r1")).status == 200
    answer = await desk.admit("r2")
    assert answer.error == (429, "insufficient_quota")
    assert answer.headers["retry-after"] == "1"
    assert 'Budget "month"' in answer.json["error"]["message"]
    assert stands(store) == (0, WORST)
    await desk.send(record(output_tokens=1100))
    exhausted = await desk.admit("r3")
    assert exhausted.error == (429, "insufficient_quota")
    assert int(exhausted.headers["retry-after"]) > 86_400


async def test_a_model_without_a_price_is_refused_to_a_hard_budget(desk):
    await desk.configure(a_config(consumers=[hard("1")], gateways=[a_gateway(prices=[])]))
    assert (await desk.admit()).error == (403, "model_not_priced")


async def test_as_many_requests_are_under_way_as_may_be_and_a_record_makes_room(desk, store):
    await desk.configure(a_config(consumers=[a_consumer(maxConcurrentRequests=2)]))
    assert [(await desk.admit(f"r{number}")).status for number in (1, 2)] == [200, 200]
    answer = await desk.admit("r3")
    assert answer.error == (429, "concurrency_limit_exceeded")
    assert "maxConcurrentRequests is reached: 2" in answer.json["error"]["message"]
    await desk.send(record(request_id="r1", attempt=1, attempts=2))
    assert (await desk.admit("r3")).status == 429, "the first request goes on with another attempt"
    await desk.send(record(id="r1.2", request_id="r1", attempt=2, attempts=2))
    assert (await desk.admit("r3")).status == 200


async def test_concurrency_is_exact_with_many_at_once(desk):
    await desk.configure(a_config(consumers=[a_consumer(maxConcurrentRequests=7)]))
    answers = await asyncio.gather(*(desk.admit(f"r{number}") for number in range(64)))
    assert sorted(each.status for each in answers) == [200] * 7 + [429] * 57


async def test_who_is_suspended_or_overspent_is_refused_as_by_the_gateway(desk):
    await desk.configure(a_config(consumers=[a_consumer(suspended=True)]))
    assert (await desk.admit()).error == (403, "consumer_suspended")
    soft = a_budget("0.0009", mode="Soft")
    await desk.configure(a_config(2, consumers=[a_consumer(budgets=[soft])]))
    assert (await desk.admit()).status == 200
    await desk.send(record())

    async def look():
        return (await desk.admit()).status == 429

    await eventually(look, 1, "the overspend to be known")
    assert int((await desk.admit()).headers["retry-after"]) > 86_400


@pytest.mark.parametrize(
    "changes",
    [{"model": "unknown"}, {"client": "external.0123abcd.shop.stranger"}, {"client": ""}, {"bound": "many"}],
)
async def test_what_the_ledger_does_not_know_is_tried_again_later(desk, changes):
    await desk.configure(a_config())
    answer = await desk.admit(**changes)
    assert answer.error == (503, "admission_unavailable")
    assert answer.headers["retry-after"] == "5"


async def test_without_a_document_or_a_request_id_nobody_goes_on(desk):
    assert (await desk.admit()).error == (503, "admission_unavailable")
    await desk.configure(a_config())
    assert (await desk.admit("x" * 129)).error == (503, "admission_unavailable")


async def test_callers_without_a_key_have_no_budget(desk):
    await desk.configure(a_config(gateways=[a_gateway(anonymous=True)], consumers=[]))
    assert (await desk.admit(client="external.0123abcd.platform.anonymous")).status == 200


async def test_callers_without_a_key_are_not_the_consumer_that_is_called_so(desk):
    known = a_consumer("platform/anonymous", suspended=True)
    client = "external.0123abcd.platform.anonymous"
    await desk.configure(a_config(gateways=[a_gateway(anonymous=True)], consumers=[known]))
    assert (await desk.admit(client=client)).status == 200
    await desk.configure(a_config(2, gateways=[a_gateway()], consumers=[known]))
    assert (await desk.admit(client=client)).error == (403, "consumer_suspended")


async def test_requests_wait_for_an_engine_until_a_record_tells_of_a_free_one(desk):
    await desk.configure(a_config(**queueing()))
    assert (await desk.admit("r1")).status == 200
    second = asyncio.create_task(desk.admit("r2"))
    await waiting(desk, 1)
    await desk.send(record())
    assert (await asyncio.wait_for(second, 2)).status == 200


@pytest.mark.parametrize("later", ["ml/second", "", None], ids=["for another", "for none", "not at all"])
async def test_a_place_is_given_back_whatever_its_route_waits_for_by_then(desk, later):
    """A route with several deployments waits for another one, or for none, once one of them is ready."""
    first = queueing(seconds=1)
    await desk.configure(a_config(**first))
    assert (await desk.admit("r1")).status == 200
    waiting = first["gateways"][0]["routes"][0]["waiting"]
    routes = [] if later is None else [a_route(deployment=later, waiting=waiting)]
    both = [*first["deployments"], a_deployment(name="ml/second", capacityPerEngine=1)]
    await desk.configure(a_config(2, **first | {"gateways": [a_gateway(*routes)], "deployments": both}))
    await desk.send(record(deployment="ml/second"))
    await desk.configure(a_config(3, **first))
    assert (await desk.admit("r2")).status == 200


async def test_who_has_waited_too_long_is_told_when_to_come_again(desk):
    await desk.configure(a_config(**queueing(seconds=1)))
    await desk.admit("r1")
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await desk.admit("r2")
    assert answer.error == (429, "queue_timeout")
    assert 1 <= loop.time() - began < 1.5
    assert int(answer.headers["retry-after"]) >= 1


async def test_where_no_more_may_wait_the_next_one_is_refused_at_once(desk):
    await desk.configure(a_config(**queueing(most=1)))
    await desk.admit("r1")
    second = asyncio.create_task(desk.admit("r2"))
    await waiting(desk, 1)
    refused = await desk.admit("r3")
    assert refused.error == (429, "queue_full")
    assert refused.headers["x-paceline-refusal"] == "queue_full"
    await desk.send(record())
    assert (await second).status == 200


async def test_the_urgent_consumer_goes_first(desk):
    consumers = [a_consumer(), a_consumer("shop/other", priority=0)]
    await desk.configure(a_config(**queueing(consumers=consumers)))
    await desk.admit("r1")
    later = asyncio.create_task(desk.admit("r2"))
    await waiting(desk, 1)
    urgent = asyncio.create_task(desk.admit("r3", client=OTHER))
    await waiting(desk, 2)
    await desk.send(record())
    assert (await urgent).status == 200
    assert not later.done()
    await desk.send(record(id="r3.1", request_id="r3"))
    assert (await later).status == 200


async def test_a_model_at_zero_is_woken_by_who_waits(desk):
    await desk.configure(a_config(**queueing(engines=0)))
    asked = asyncio.create_task(desk.admit())
    await waiting(desk, 1)
    page = (await desk.ask("GET", "/metrics")).text
    assert f'paceline_admission_waiting_requests{{deployment="{DEPLOYMENT}"}} 1.0' in page
    await desk.configure(a_config(2, **queueing(engines=1)))
    assert (await asyncio.wait_for(asked, 2)).status == 200


async def test_who_leaves_while_waiting_gets_back_what_was_reserved_and_holds_no_place(desk, store):
    await desk.configure(a_config(**queueing(consumers=[hard("1", maxConcurrentRequests=2), a_consumer("shop/other")])))
    assert (await desk.admit("r1", client=OTHER)).status == 200
    leaving = asyncio.create_task(desk.admit("r2"))
    await waiting(desk, 1)
    assert stands(store) == (0, WORST)
    leaving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await leaving

    async def given_back():
        return stands(store) == (0, 0)

    await eventually(given_back, 5, "the reservation to be given back")
    await waiting(desk, 0)


async def test_who_gets_no_engine_gets_back_what_was_reserved(desk, store):
    await desk.configure(a_config(**queueing(seconds=0, consumers=[hard("1"), a_consumer("shop/other")])))
    await desk.admit("r1", client=OTHER)
    assert (await desk.admit("r2")).error == (429, "queue_timeout")
    assert stands(store) == (0, 0)


async def test_what_the_engines_have_already_takes_places(url, tmp_path):
    """A replica that begins has no memory; the engines have."""

    class Busy:
        async def in_flight(self, _):
            return 2

    async with replicas(url, tmp_path, now_us=Clock(NOW), engines=Busy()) as (desk,):
        await desk.configure(a_config(**queueing(seconds=1, places=3, engineUrls=["http://127.0.0.1:1"])))
        assert (await desk.admit("r1")).status == 200

        async def measured():
            return desk.service.rooms.room(DEPLOYMENT)._queue.in_flight > 1

        await eventually(measured, 5, "the engines to be read")
        answers = await asyncio.gather(*(desk.admit(f"r{number}") for number in range(2, 6)))
        assert sorted(each.status for each in answers) == [200, 429, 429, 429]


async def test_what_reached_no_engine_or_is_heard_twice_frees_no_place_of_others(url, tmp_path):
    class Busy:
        async def in_flight(self, _):
            return 2

    async with replicas(url, tmp_path, now_us=Clock(NOW), engines=Busy()) as (desk,):
        await desk.configure(a_config(**queueing(places=2, engineUrls=["http://127.0.0.1:1"])))
        room = desk.service.rooms.room(DEPLOYMENT)

        async def measured():
            return room.in_flight == 2

        await eventually(measured, 5, "the engines to be read")
        refused = {"attempt": 0, "attempts": 0, "deployment": "", "ttft_us": None, "last_us": None}
        desk.service.recorded([record(request_id="r1", **refused)])
        assert room.in_flight == 2
        for _ in range(2):
            desk.service.recorded([record(request_id="r2")])
        assert room.in_flight == 1


class Gone:
    """A store that fails as long as it is entered."""

    def __init__(self, monkeypatch):
        self._patch = monkeypatch

    def begin(self):
        def fails(*_, **__):
            raise StoreUnavailable("StoreUnavailable", "gone")

        for name in ("reservations.reserve", "news.after", "documents.later", "append.append"):
            self._patch.setattr(f"paceline.ledger.{name}", fails)


@pytest.mark.parametrize(
    ("consumer", "before", "after"),
    [
        (a_consumer(), 200, 200),
        (a_consumer(budgets=[a_budget(mode="Soft", graceSeconds=60)]), 200, 503),
        (a_consumer(maxConcurrentRequests=5), 200, 503),
        (hard("1"), 503, 503),
    ],
)
async def test_without_the_store_soft_consumers_go_on_for_their_grace_and_hard_ones_do_not(
    url, tmp_path, monkeypatch, consumer, before, after
):
    clock = Clock(NOW)
    async with replicas(url, tmp_path, now_us=clock) as (desk,):
        await desk.configure(a_config(consumers=[consumer]))
        assert (await desk.admit("r0")).status == 200
        Gone(monkeypatch).begin()

        async def noticed():
            return desk.service.access.gone_us is not None

        await eventually(noticed, 5, "the outage to be noticed")
        assert (await desk.admit("r1")).status == before
        clock.now_us += 1000 * SECOND
        answer = await desk.admit("r2")
        assert answer.status == after
        if after == 503:
            assert answer.error == (503, "admission_unavailable")
            assert answer.headers["retry-after"] == "5"
        monkeypatch.undo()

        async def back():
            return (await desk.admit("r3")).status == 200

        await eventually(back, 5, "the store to be there again")
