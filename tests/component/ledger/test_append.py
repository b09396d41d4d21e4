"""Records are taken in exactly once, with their cost, sums and offsets; what is no record is kept aside."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paceline.api.record import Outcome, Purpose, UsageSource, parse, write
from paceline.decide.pricing import Price, PriceBook
from paceline.ledger import append as module
from paceline.ledger import export, quarantine, usage
from paceline.ledger.append import append, retry
from paceline.ledger.balance import differences
from paceline.ledger.batch import Batch, Line, position
from paceline.ledger.errors import Gap
from paceline.ledger.retention import Retention
from tests.support.ledger import BOOKS, COST, DAY, NOW, PRICE, batch, send
from tests.support.records import MONDAY, record


def exported(store):
    return list(export.rows(store, 0, NOW + 100 * DAY))


def rolled(store, *by):
    return usage.rollup(store, 0, NOW + 100 * DAY, by)


def test_a_record_is_a_row_with_its_cost(store):
    receipt = send(store, record(conversation="thread-7"))
    assert (receipt.recorded, receipt.replayed, receipt.bad) == (1, 0, 0)
    assert receipt.consumers == {"shop/acme"}
    assert exported(store) == [
        {
            "id": "r1.1",
            "requestId": "r1",
            "attempt": 1,
            "gateway": "platform/public",
            "consumer": "shop/acme",
            "team": "support",
            "requestClass": "other",
            "conversation": "thread-7",
            "route": "support-bot",
            "model": "support-llm",
            "backend": "main",
            "purpose": "User",
            "outcome": "Completed",
            "status": 200,
            "inputTokens": 1000,
            "cachedInputTokens": 400,
            "outputTokens": 100,
            "reasoningTokens": 0,
            "media": 2,
            "usageSource": "Reported",
            "usageComplete": True,
            "startedTime": "2026-11-02T10:00:00.000000Z",
            "price": "list",
            "costMicros": COST,
        }
    ]


def test_a_batch_that_is_sent_again_changes_nothing(store):
    send(store, record(), record(id="r2.1", request_id="r2"))
    receipt = send(store, record(), record(id="r2.1", request_id="r2"))
    assert (receipt.recorded, receipt.replayed, receipt.bad) == (0, 2, 0)
    assert receipt.consumers == frozenset()
    assert rolled(store, "consumer")[0]["attempts"] == 2
    assert not differences(store, 0)


def test_attempts_are_known_by_their_ids_wherever_they_come_from(store):
    send(store, record(), record())
    receipt = send(store, record(), record(id="r2.1"), shipper="pod-2", log="b")
    assert (receipt.recorded, receipt.replayed) == (1, 1)
    assert [row["id"] for row in exported(store)] == ["r1.1", "r2.1"]


@pytest.mark.parametrize("same_batch", [True, False])
def test_two_attempts_that_claim_one_id_are_not_taken_for_a_replay(store, same_batch):
    other = record(output_tokens=101)
    if same_batch:
        receipt = send(store, record(), other)
    else:
        send(store, record())
        receipt = send(store, other, log="b")
    assert receipt.bad == 1
    (kept,) = quarantine.after(store)
    assert kept.reason == "record.id: r1.1 is the id of another attempt too"
    assert kept.line == write(other)
    assert [row["outputTokens"] for row in exported(store)] == [100]


def test_lines_that_are_no_records_are_kept_aside_and_stop_nothing(store):
    torn = write(record(id="r2.1"))[:-20]
    receipt = send(store, b"\x00\xff", record(), torn, record(id="r3.1"), b"")
    assert (receipt.recorded, receipt.bad) == (2, 3)
    kept = quarantine.after(store)
    assert [each.line for each in kept] == [b"\x00\xff", torn, b""]
    assert all(each.reason.startswith("record: Invalid JSON") for each in kept)
    assert (kept[0].shipper, kept[0].log, kept[0].position, kept[0].received_us) == ("pod-1", "a", 0, NOW)


def test_a_bad_line_that_is_sent_again_is_kept_once(store):
    send(store, b"bad", record())
    receipt = send(store, b"bad", record(), b"worse")
    assert receipt.bad == 1
    assert [each.line for each in quarantine.after(store)] == [b"bad", b"worse"]


def test_lines_are_read_again_once_the_ledger_knows_their_form(store, monkeypatch):
    """As after an upgrade: a gateway was newer than the ledger."""
    newer = [write(record(id=f"{number}")) for number in range(3)]
    with monkeypatch.context() as older:
        older.setattr(module, "parse", lambda line: parse(line + b" and something new"))
        assert send(store, *newer, b"bad").bad == 4
    send(store, newer[0], log="b")
    assert retry(store, BOOKS, NOW) == 2
    assert [each.line for each in quarantine.after(store)] == [b"bad"]
    assert quarantine.count(store) == 1
    assert retry(store, BOOKS, NOW) == 0
    assert rolled(store, "consumer")[0]["cost_micros"] == 3 * COST
    assert not differences(store, 0)


def test_lines_are_read_again_in_pages(store, monkeypatch):
    monkeypatch.setattr(quarantine.after, "__defaults__", (0, 2))
    with monkeypatch.context() as older:
        older.setattr(module, "parse", lambda line: parse(line[:-1]))
        send(store, *(write(record(id=f"{number}")) for number in range(3)), b"bad", write(record(id="4")))
    assert retry(store, BOOKS, NOW) == 4
    assert quarantine.count(store) == 1


@pytest.mark.parametrize(("days", "kept"), [(-34.1, True), (-33.9, False), (0.9, False), (1.1, True)])
def test_a_line_of_another_time_is_kept_aside(store, days, kept):
    """A replay of what was removed already could not be told from something new."""
    receipt = send(store, record(started_us=NOW + int(days * DAY)))
    assert (receipt.recorded, receipt.bad) == ((0, 1) if kept else (1, 0))


def test_lines_are_taken_as_long_as_records_are_kept(store):
    keep = Retention(records=timedelta(days=100))
    assert append(store, batch(record(started_us=NOW - 98 * DAY)), BOOKS, NOW, keep).recorded == 1


def test_a_log_is_known_up_to_the_end_of_its_last_batch(store):
    assert position(store, "pod-1", "a") == 0
    first = send(store, record())
    assert first.position == position(store, "pod-1", "a") > 0
    second = send(store, start=first.position, complete_us=NOW)
    assert second.position == first.position
    assert (position(store, "pod-1", "b"), position(store, "pod-2", "a")) == (0, 0)


def test_a_part_that_is_sent_again_takes_nothing_back(store):
    whole = send(store, record(), record(id="r2.1"))
    assert send(store, record()).position == whole.position


def test_a_gap_is_refused_with_the_place_from_where_to_send(store):
    known = send(store, record()).position
    with pytest.raises(Gap, match=f"from byte {known + 1}, but it is known up to byte {known} only") as refused:
        send(store, record(id="r2.1"), start=known + 1)
    assert refused.value.position == known
    assert len(exported(store)) == 1


@pytest.mark.parametrize(
    ("start", "positions", "end"), [(5, [4], 9), (0, [3, 2], 9), (0, [4], 3), (-1, [], 3), (3, [], 2)]
)
def test_a_batch_whose_lines_do_not_fit_its_place_is_a_mistake(start, positions, end):
    with pytest.raises(ValueError, match="in their order"):
        Batch("pod-1", "a", start, end, tuple(Line(each, b"") for each in positions), 0)


def test_without_a_price_an_attempt_costs_nothing_and_is_marked(store):
    send(store, record(), record(id="r2.1", input_tokens=0, cached_tokens=0, output_tokens=0), books={})
    assert [(row["price"], row["costMicros"]) for row in exported(store)] == [(None, 0), (None, 0)]
    (sums,) = rolled(store, "model")
    # Who used nothing lacks no price.
    assert (sums["attempts"], sums["unpriced"], sums["cost_micros"]) == (2, 1, 0)


def test_each_attempt_is_priced_by_the_time_of_its_request(store):
    dearer = Price("new", "support-llm", 2_000_000, 1_000_000, 4_000_000, effective_us=MONDAY + 1)
    books = {"platform/public": PriceBook([PRICE, dearer])}
    send(store, record(), record(id="r2.1", started_us=MONDAY + 1), books=books)
    assert [(row["price"], row["costMicros"]) for row in exported(store)] == [("list", COST), ("new", 2 * COST)]


def test_each_attempt_that_costs_money_is_a_row_of_its_own(store):
    failed = record(outcome=Outcome.FAILED, status=504, attempts=2, usage_source=UsageSource.COUNTED)
    good = record(id="r1.2", attempt=2, attempts=2, backend="other", deployment="", model="gpt")
    books = {"platform/public": PriceBook([PRICE, Price("gpt", "gpt", 5_000_000, 5_000_000, 0)])}
    send(store, failed, good, books=books)
    assert [row["costMicros"] for row in exported(store)] == [COST, 5000]
    assert rolled(store, "consumer")[0]["cost_micros"] == COST + 5000


@pytest.mark.parametrize("purpose", [Purpose.MIRROR, Purpose.PROBE])
def test_nobody_pays_for_copies_and_test_requests(store, purpose):
    assert send(store, record(purpose=purpose)).consumers == frozenset()
    assert send(store, record(id="r2.1"), log="b").consumers == {"shop/acme"}
    assert [(row["consumer"], row["team"], row["cost_micros"]) for row in rolled(store, "consumer", "team")] == [
        ("", "", COST),
        ("shop/acme", "support", COST),
    ]
    assert not differences(store, 0)


def test_sums_are_rolled_up_by_what_is_asked(store):
    send(
        store,
        record(),
        record(id="2", consumer="shop/beta", team="sales", output_tokens=200),
        record(id="3", route="other", request_class="order", reasoning_tokens=5),
    )
    assert rolled(store, "team") == [
        {"team": "support", "attempts": 2, "unpriced": 0, "input_tokens": 2000, "cached_tokens": 800}
        | {"output_tokens": 200, "reasoning_tokens": 5, "cost_micros": 2 * COST},
        {"team": "sales", "attempts": 1, "unpriced": 0, "input_tokens": 1000, "cached_tokens": 400}
        | {"output_tokens": 200, "reasoning_tokens": 0, "cost_micros": COST + 200},
    ]
    assert [row["route"] for row in rolled(store, "route", "request_class")] == ["support-bot", "other"]
    assert rolled(store)[0]["attempts"] == 3


def test_roll_ups_are_of_quarters_of_an_hour(store):
    quarter = 900 * 1_000_000
    send(store, record(), record(id="2", started_us=MONDAY + quarter), record(id="3", started_us=MONDAY + quarter - 1))
    assert usage.rollup(store, MONDAY + 1, MONDAY + quarter + 1, ["team"])[0]["attempts"] == 2
    assert usage.rollup(store, MONDAY + quarter, MONDAY + 2 * quarter, ["team"])[0]["attempts"] == 1
    assert usage.rollup(store, MONDAY + 2 * quarter, MONDAY + 3 * quarter, ["team"]) == []


def test_rows_are_exported_in_pages_by_time_and_consumer(store, monkeypatch):
    monkeypatch.setattr(export, "PAGE", 2)
    send(store, *(record(id=f"{n}", started_us=MONDAY + (n * 7) % 5) for n in range(5)), record(id="x", consumer="b/c"))
    ids = [row["id"] for row in export.rows(store, MONDAY, MONDAY + 4, consumer="shop/acme")]
    assert ids == ["0", "3", "1", "4"]
    assert [row["id"] for row in export.rows(store, MONDAY + 4, NOW)] == ["2"]


def test_nothing_of_a_batch_stays_after_a_failure(store, monkeypatch):
    def fails(*_):
        raise RuntimeError("the last step")

    with monkeypatch.context() as broken:
        broken.setattr(quarantine, "keep", fails)
        with pytest.raises(RuntimeError, match="the last step"):
            send(store, record(), b"bad")
    assert exported(store) == []
    assert rolled(store, "team") == []
    assert position(store, "pod-1", "a") == 0
    assert send(store, record(), b"bad").recorded == 1
