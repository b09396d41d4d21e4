"""What is old is removed, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paceline.ledger import export, history, quarantine, usage
from paceline.ledger.accounts import standings
from paceline.ledger.batch import position
from paceline.ledger.quarters import MINUTE_US
from paceline.ledger.reservations import reserve
from paceline.ledger.retention import Retention, prune
from tests.support.ledger import COST, DAY, MINUTE, NOW, ask, budget, send
from tests.support.records import record

KEEP = Retention()


def there(store):
    """How many rows of each kind there are."""
    ever = (0, NOW + 1000 * DAY)
    return {
        "records": len(list(export.rows(store, *ever))),
        "usage": len(usage.rollup(store, *ever, by=["team"])),
        "history": len(history.series(store, "ml/support-llm", *ever)),
        "minutes": len(history.series(store, "ml/support-llm", *ever, MINUTE_US)),
        "bad": len(quarantine.after(store)),
        "log": position(store, "pod-1", "a") > 0,
    }


ALL = {"records": 1, "usage": 1, "history": 1, "minutes": 1, "bad": 1, "log": True}


@pytest.mark.parametrize(
    ("later", "gone"),
    [
        (0, set()),
        (119 * MINUTE, set()),
        (121 * MINUTE, {"minutes"}),
        (13.9 * DAY, {"minutes"}),
        (14.1 * DAY, {"minutes", "history"}),
        (34.9 * DAY, {"minutes", "history"}),
        (35.1 * DAY, {"minutes", "history", "records", "log"}),
        (399 * DAY, {"minutes", "history", "records", "log"}),
        (401 * DAY, set(ALL)),
    ],
)
def test_each_kind_is_kept_for_its_time(store, later, gone):
    send(store, record(), b"bad")
    assert there(store) == ALL
    prune(store, KEEP, NOW + int(later))
    assert {kind for kind, rows in there(store).items() if not rows} == gone


def test_rows_are_removed_in_chunks(store):
    send(store, *(record(id=f"{n}") for n in range(25)), record(id="new", started_us=NOW))
    removed = prune(store, KEEP, NOW + 35 * DAY, chunk=10)
    assert removed["records"] == 25
    assert there(store)["records"] == 1


def test_what_a_month_spent_is_known_as_long_as_the_month_lasts(store):
    send(store, record())
    prune(store, KEEP, NOW + 28 * DAY)
    assert standings(store, "shop/acme", [budget()], NOW + 28 * DAY)["month"].spent == COST


def test_accounts_of_long_ago_are_closed_but_not_under_a_reservation(store):
    reserve(store, ask("r1"), NOW)
    assert prune(store, KEEP, NOW + 500 * DAY)["accounts"] == 0
    send(store, record())
    assert prune(store, KEEP, NOW + 500 * DAY)["accounts"] == 1


@pytest.mark.parametrize("part", ["records", "usage"])
def test_nothing_can_be_kept_shorter_than_the_longest_budget_needs(part):
    with pytest.raises(ValueError, match="32 days"):
        Retention(**{part: timedelta(days=31)})
