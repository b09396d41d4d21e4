"""What users of a revision met: counts, tokens and percentiles, by minutes and quarters of an hour."""

from __future__ import annotations

import random

import pytest

from paceline.api.record import Outcome, Purpose
from paceline.ledger import history
from paceline.ledger.history import Figures
from paceline.ledger.quarters import MINUTE_US, QUARTER_US
from paceline.stats.sketch import RELATIVE_ERROR
from tests.support.ledger import NOW, send
from tests.support.records import MONDAY, record

HOUR = 4 * QUARTER_US


def totals(store, span_us=QUARTER_US):
    return history.totals(store, "ml/support-llm", MONDAY, MONDAY + HOUR, span_us)


def figures(store):
    (found,) = totals(store).values()
    return found


def counted(found):
    return found.requests, found.eligible, found.good


def test_requests_are_counted_with_their_tokens_and_times(store):
    send(store, record(), record(id="2", ttft_us=600_000))
    found = figures(store)
    assert counted(found) == (2, 2, 1)
    assert (found.input_tokens, found.output_tokens) == (2000, 200)
    assert found.ttft.count == found.tpot.count == 2
    assert found.ttft.quantile(1) == pytest.approx(600_000, rel=RELATIVE_ERROR)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"purpose": Purpose.MIRROR}, None),
        ({"purpose": Purpose.PROBE}, None),
        ({"deployment": ""}, None),
        ({"purpose": Purpose.REVIEWED}, (1, 0, 0)),
        ({"outcome": Outcome.REFUSED, "status": 400}, (1, 0, 0)),
        ({"outcome": Outcome.FAILED, "status": 500}, (1, 1, 0)),
        ({"outcome": Outcome.FAILED, "superseded": True, "attempts": 2}, (0, 0, 0)),
        ({"outcome": Outcome.SHED, "status": 429, "ttft_us": None, "last_us": None}, (1, 1, 0)),
    ],
)
def test_what_is_counted_is_what_the_objective_says(store, changes, counts):
    send(store, record(**changes))
    assert history.totals(store, "", MONDAY, MONDAY + HOUR) == {}
    found = totals(store)
    assert (counted(*found.values()) if found else None) == counts


def test_only_eligible_streams_have_times(store):
    whole = record(id="2", streamed=False)
    single = record(id="3", output_tokens=1)
    send(store, whole, single, record(id="4", outcome=Outcome.REFUSED, status=400))
    assert (figures(store).ttft.count, figures(store).tpot.count) == (1, 0)


def test_figures_are_kept_by_revision_and_time(store):
    send(
        store,
        record(),
        record(id="2", revision="next"),
        record(id="3", started_us=MONDAY + MINUTE_US),
        record(id="4", started_us=MONDAY + QUARTER_US),
    )
    stable = "support-llm-0123abcd"
    found = history.series(store, "ml/support-llm", MONDAY, MONDAY + HOUR)
    assert {key: each.requests for key, each in found.items()} == {
        (MONDAY, "next"): 1,
        (MONDAY, stable): 2,
        (MONDAY + QUARTER_US, stable): 1,
    }
    minutes = history.series(store, "ml/support-llm", MONDAY, MONDAY + QUARTER_US, MINUTE_US)
    assert [key for key in minutes if key[1] == stable] == [(MONDAY, stable), (MONDAY + MINUTE_US, stable)]
    assert {revision: each.requests for revision, each in totals(store).items()} == {stable: 3, "next": 1}


def test_the_end_of_the_asked_time_is_not_part_of_it(store):
    send(store, record(started_us=MONDAY + QUARTER_US))
    assert history.series(store, "ml/support-llm", MONDAY, MONDAY + QUARTER_US) == {}
    assert len(history.series(store, "ml/support-llm", MONDAY + QUARTER_US + 5, MONDAY + HOUR)) == 1


def test_batches_add_up_as_one_would(store):
    dice = random.Random(1)
    records = [
        record(
            id=f"{n}",
            started_us=MONDAY + dice.randrange(HOUR),
            ttft_us=(ttft := dice.randrange(10_000, 900_000)),
            last_us=ttft + dice.randrange(1, 9_000_000),
            deployment=dice.choice(["ml/support-llm", "ml/other"]),
            revision=dice.choice(["a", "b"]),
        )
        for n in range(300)
    ]
    for first in range(0, 300, 37):
        send(store, *records[first : first + 37], log=f"{first}")
    for span in history.SPANS:
        found = history.totals(store, "ml/support-llm", MONDAY, MONDAY + HOUR, span)
        for revision in "ab":
            expected = Figures()
            for each in records:
                if (each.deployment, each.revision) == ("ml/support-llm", revision):
                    expected.count(each)
            assert found[revision] == expected


def test_replays_are_not_counted_again(store):
    send(store, record())
    send(store, record())
    assert counted(figures(store)) == (1, 1, 1)


def test_a_request_counts_when_it_arrived_even_if_its_record_is_late(store):
    send(store, record(), now_us=NOW + HOUR)
    assert list(history.series(store, "ml/support-llm", MONDAY, NOW + 2 * HOUR)) == [(MONDAY, "support-llm-0123abcd")]
