"""POST /v1/records: each line once, bad ones aside, nothing acknowledged that is not kept."""

from __future__ import annotations

import gzip

import pytest

from paceline.ledger import export, quarantine
from paceline.ledger.errors import StoreFull, StoreUnavailable
from paceline.ledger.service import records
from tests.support.ledger import NOW
from tests.support.ledger_config import a_config, a_gateway
from tests.support.ledger_service import replicas
from tests.support.records import record


@pytest.fixture
async def desk(url, tmp_path):
    async with replicas(url, tmp_path) as (one,):
        await one.configure(a_config())
        yield one


async def test_a_batch_is_recorded_and_its_end_acknowledged(desk, store):
    answer = await desk.send(record(), record(id="2"))
    assert answer.status == 200
    assert answer.json == {"position": desk.positions["pod-1", "a"], "recorded": 2, "replayed": 0, "quarantined": 0}
    assert [(row["id"], row["costMicros"]) for row in export.rows(store, 0, NOW)] == [("r1.1", 1000), ("2", 1000)]
    assert (await desk.ask("GET", "/v1/records?log=a", "pod-1")).json == {"position": answer.json["position"]}
    assert (await desk.ask("GET", "/v1/records?log=a", "pod-2")).json == {"position": 0}


async def test_what_is_sent_again_is_recorded_once(desk, store):
    await desk.send(record())
    answer = await desk.send(record(), start=0)
    assert (answer.json["recorded"], answer.json["replayed"]) == (0, 1)
    assert len(list(export.rows(store, 0, NOW))) == 1


async def test_lines_that_are_no_records_are_kept_aside_and_stop_nothing(desk, store):
    answer = await desk.send(b"\xff no\rjson", record(), b"{}")
    assert (answer.json["recorded"], answer.json["quarantined"]) == (1, 2)
    assert [each.line for each in quarantine.after(store)] == [b"\xff no\rjson", b"{}"]


async def test_a_gateway_cannot_send_the_records_of_another_one(desk, store):
    answer = await desk.send(record(gateway="platform/other"))
    assert (answer.json["recorded"], answer.json["quarantined"]) == (0, 1)
    assert "platform/public sent it" in quarantine.after(store)[0].reason


async def test_after_a_gap_the_shipper_is_told_from_where_to_send(desk):
    await desk.send(record())
    answer = await desk.send(record(id="2"), start=10_000)
    assert (answer.status, answer.json["position"]) == (409, desk.positions["pod-1", "a"])


async def test_without_its_prices_a_gateways_records_wait(desk, store):
    """A record that is taken in is priced once and for all."""
    answer = await desk.send(record(gateway="other/gateway"), who="foreign")
    assert (answer.status, answer.headers["retry-after"], answer.json["reason"]) == (503, "5", "NotConfigured")
    await desk.configure(a_config(2, gateways=[a_gateway(), a_gateway(name="other/gateway")]))
    assert (await desk.send(record(gateway="other/gateway"), who="foreign")).json["recorded"] == 1
    assert next(export.rows(store, 0, NOW))["costMicros"] == 1000


@pytest.mark.parametrize("error", [StoreFull("StoreFull", "full"), StoreUnavailable("StoreUnavailable", "at db:5432")])
async def test_what_the_database_cannot_take_is_not_acknowledged(desk, store, monkeypatch, error):
    def fails(*_):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr("paceline.ledger.append.history.tally", fails)
        answer = await desk.send(record())
    assert (answer.status, answer.json["reason"], answer.headers["retry-after"]) == (503, error.reason, "1")
    assert "5432" not in answer.text
    assert (await desk.ask("GET", "/v1/records?log=a", "pod-1")).json == {"position": 0}
    assert (await desk.send(record())).json["recorded"] == 1


async def test_a_body_that_is_too_large_is_refused_before_it_is_in_memory(desk, monkeypatch):
    monkeypatch.setattr(records, "MOST_BYTES", 1000)
    answer = await desk.send(b"x" * 100_000)
    assert answer.status == 413
    query, packed = "log=a&start=0&end=9&completeUs=0", {"Content-Encoding": "gzip"}
    for data, status in ((gzip.compress(b"0 " + b"x" * 100_000), 413), (b"no gzip", 400)):
        answer = await desk.ask("POST", f"/v1/records?{query}", "pod-1", data=data, headers=packed)
        assert answer.status == status


@pytest.mark.parametrize(
    ("query", "body", "named"),
    [
        ("start=0&end=9&completeUs=0", b"", "log"),
        ("log=a&end=9&completeUs=0", b"", "start"),
        ("log=a&start=-1&end=9&completeUs=0", b"", "start"),
        ("log=a&start=0&end=1e3&completeUs=0", b"", "end"),
        ("log=a&start=0&end=9", b"", "completeUs"),
        ("log=a&start=0&end=9&completeUs=0", b"line without its place\n", "position"),
        ("log=a&start=0&end=9&completeUs=0", b"77 {}\n", "order"),
    ],
)
async def test_a_batch_that_is_none_is_refused_with_what_is_wrong(desk, query, body, named):
    answer = await desk.ask("POST", f"/v1/records?{query}", "pod-1", data=body)
    assert (answer.status, answer.json["reason"]) == (400, "Invalid")
    assert named in answer.json["message"]


async def test_an_empty_batch_says_how_far_its_gateway_is(desk):
    assert (await desk.send()).json == {"position": 0, "recorded": 0, "replayed": 0, "quarantined": 0}
