"""GET /v1/deny: who gets nothing from a gateway, within a second of the record that overspent."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from paceline.decide.period import span
from paceline.ledger.errors import StoreUnavailable
from tests.support.ledger import BERLIN, NOW, SECOND
from tests.support.ledger_config import CLIENT, CONSUMER, a_budget, a_config, a_consumer, a_gateway
from tests.support.ledger_service import Clock, eventually, replicas
from tests.support.records import record

#: One usual record costs 0.001.
SOFT = a_consumer(budgets=[a_budget("0.002", mode="Soft")])
EMPTY = {"generation": 1, "denied": []}


@pytest.fixture
def clock():
    return Clock(NOW)


@pytest.fixture
async def desk(url, tmp_path, clock):
    async with replicas(url, tmp_path, now_us=clock) as (one,):
        await one.configure(a_config(consumers=[SOFT]))
        yield one


async def overspend(desk):
    await desk.send(record(), record(id="2"))


async def test_who_asks_first_is_told_at_once(desk):
    answer = await desk.deny(wait=30)
    assert (answer.status, answer.json) == (200, EMPTY)
    assert answer.headers["etag"]


async def test_an_overspend_reaches_who_waits_within_a_second(desk):
    tag = (await desk.deny()).headers["etag"]
    polling = asyncio.create_task(desk.deny(wait=30, tag=tag))
    await desk.send(record())
    await overspend(desk)
    answer = await asyncio.wait_for(polling, 1)
    (entry,) = answer.json["denied"]
    assert (entry["client"], entry["consumer"], entry["reason"]) == (CLIENT, CONSUMER, "Budget")
    assert entry["until"] == "2026-11-30T23:00:00+00:00"


async def test_without_a_change_the_wait_ends_with_304(desk):
    tag = (await desk.deny()).headers["etag"]
    answer = await desk.deny(wait=1, tag=tag)
    assert (answer.status, answer.text, answer.headers["etag"]) == (304, "", tag)
    await desk.send(record())
    assert (await desk.deny(tag=tag)).status == 304, "an expense within the budget changes nothing"


async def test_the_end_of_a_period_lifts_it_by_itself(desk, clock):
    end = span("Month", BERLIN, NOW).end_us
    clock.now_us = end - SECOND // 5
    await desk.send(record(started_us=clock.now_us), record(id="2", started_us=clock.now_us))

    async def denied():
        answer = await desk.deny()
        return answer.json["denied"] and answer

    first = await eventually(denied, 1, "the overspend to be known")
    polling = asyncio.create_task(desk.deny(wait=30, tag=first.headers["etag"]))
    await asyncio.sleep(0)
    clock.now_us = end
    assert (await asyncio.wait_for(polling, 2)).json == EMPTY


async def test_a_larger_budget_or_the_end_of_a_suspension_lifts_it_with_the_document(desk):
    await overspend(desk)

    async def listed():
        return [entry["reason"] for entry in (await desk.deny()).json["denied"]]

    await eventually(listed, 1, "the overspend to be known")
    await desk.configure(a_config(2, consumers=[a_consumer(budgets=[a_budget("9", mode="Soft")])]))
    assert await listed() == []
    await desk.configure(a_config(3, consumers=[a_consumer(suspended=True)]))
    assert await listed() == ["Suspended"]
    await desk.configure(a_config(4, consumers=[a_consumer()]))
    assert await listed() == []


async def test_another_client_id_of_a_denied_consumer_reaches_who_waits(desk):
    await desk.configure(a_config(2, consumers=[a_consumer(suspended=True)]))
    tag = (await desk.deny()).headers["etag"]
    polling = asyncio.create_task(desk.deny(wait=30, tag=tag))
    renamed = a_consumer(suspended=True, clients=[CLIENT, "external.89abcdef.shop.acme"])
    await desk.configure(a_config(3, consumers=[renamed]))
    assert len((await asyncio.wait_for(polling, 1)).json["denied"]) == 2


async def test_a_consumer_that_is_gone_is_on_no_list(desk):
    await desk.configure(a_config(2, consumers=[a_consumer(suspended=True)]))
    await desk.configure(a_config(3, consumers=[]))
    assert (await desk.deny()).json["denied"] == []
    await desk.configure(a_config(4, consumers=[a_consumer()]))
    assert (await desk.deny()).json["denied"] == []


async def test_each_gateway_is_told_of_its_own_consumers_only(desk):
    both = [a_gateway(), a_gateway(name="other/gateway")]
    here, there = a_consumer(suspended=True), a_consumer("shop/b", suspended=True, gateways=["other/gateway"])
    await desk.configure(a_config(2, gateways=both, consumers=[here, there]))
    assert [entry["consumer"] for entry in (await desk.deny()).json["denied"]] == [CONSUMER]
    assert [entry["consumer"] for entry in (await desk.deny(who="foreign")).json["denied"]] == ["shop/b"]


async def test_hard_budgets_put_nobody_on_the_list(desk):
    await desk.configure(a_config(2, consumers=[a_consumer(budgets=[a_budget("0.001")])]))
    await overspend(desk)

    async def looked():
        page = (await desk.ask("GET", "/metrics")).text
        return f'paceline_budget_remaining{{budget="month",consumer="{CONSUMER}"}} -0.001' in page

    await eventually(looked, 2, "the spend to be known")
    assert (await desk.deny()).json["denied"] == []


async def test_without_the_store_nothing_is_told_so_that_the_gateways_grace_begins(desk, monkeypatch):
    def fails(*_):
        raise StoreUnavailable("StoreUnavailable", "gone")

    monkeypatch.setattr("paceline.ledger.news.after", fails)

    async def refused():
        return (await desk.deny()).status == 503

    await eventually(refused, 5, "the outage to be noticed")
    monkeypatch.undo()

    async def back():
        return (await desk.deny()).status == 200

    await eventually(back, 5, "the store to be there again")


async def test_before_there_is_a_document_nothing_is_told(url, tmp_path):
    async with replicas(url, tmp_path) as (desk,):
        assert (await desk.deny()).status == 503


async def test_after_a_start_the_list_is_as_before_with_the_same_tag(url, tmp_path, clock):
    async with replicas(url, tmp_path, now_us=clock) as (desk,):
        await desk.configure(a_config(consumers=[SOFT]))
        await overspend(desk)

        async def denied():
            answer = await desk.deny()
            return answer.json["denied"] and answer

        before = await eventually(denied, 1, "the overspend to be known")
    async with replicas(url, tmp_path, now_us=clock) as (desk,):
        after = await desk.deny()
        assert (after.json, after.headers["etag"]) == (before.json, before.headers["etag"])


async def test_a_record_at_one_replica_reaches_who_waits_at_another_within_a_second(url, tmp_path, clock):
    async with replicas(url, tmp_path, 2, now_us=clock) as (one, other):
        await one.configure(a_config(consumers=[SOFT]))

        async def told():
            return (await other.deny()).status == 200

        await eventually(told, 2, "the document to reach the other replica")
        tag = (await other.deny()).headers["etag"]
        polling = asyncio.create_task(other.deny(wait=30, tag=tag))
        await overspend(one)
        assert len((await asyncio.wait_for(polling, 1)).json["denied"]) == 1


async def test_how_each_budget_stands_is_read_and_only_when_it_changed(desk, clock):
    async def budgets(tag=""):
        return await desk.ask("GET", "/v1/budgets", "reader", headers={"If-None-Match": tag})

    async def spent(micros):
        (found,) = (await budgets()).json["consumers"][CONSUMER]
        return found["spentMicros"] == micros and found

    assert await spent(0) == {
        "name": "month", "spentMicros": 0, "amountMicros": 2000, "periodEnds": "2026-11-30T23:00:00Z",
    }  # fmt: skip
    await overspend(desk)
    await eventually(lambda: spent(2000), 1, "the spend to be known")
    tag = (await budgets()).headers["etag"]
    assert (await budgets(tag)).status == 304
    clock.now_us = span("Month", BERLIN, NOW).end_us
    assert (await spent(0))["periodEnds"] == "2026-12-31T23:00:00Z"
    await desk.configure(a_config(2, consumers=[a_consumer()]))
    assert (await budgets()).json == {"generation": 2, "consumers": {}}


async def test_who_polls_is_sent_home_when_the_ledger_ends(url, tmp_path, clock):
    async with replicas(url, tmp_path, now_us=clock) as (desk,):
        await desk.configure(a_config(consumers=[SOFT]))
        tag = (await desk.deny()).headers["etag"]
        polling = asyncio.create_task(desk.deny(wait=50, tag=tag))

        async def polls():
            return desk.service.requests == 1

        await eventually(polls, 2, "the poll to be there")
        desk.stop.set()
        with contextlib.suppress(TimeoutError):
            assert (await asyncio.wait_for(polling, 2)).status == 304
        assert polling.done()


@pytest.mark.parametrize("wait", ["-1", "x", "56"])
async def test_a_wait_that_is_none_is_refused(desk, wait):
    assert (await desk.ask("GET", f"/v1/deny?wait={wait}", "pod-1")).status == 400
