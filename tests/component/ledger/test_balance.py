"""What does not agree with the records is found and named."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from paceline.ledger.balance import differences
from paceline.ledger.quarters import QUARTER_US
from paceline.ledger.reservations import reserve
from paceline.ledger.tables import ACCOUNTS, RECORDS, RESERVATIONS, USAGE
from tests.support.ledger import NOW, ask, send
from tests.support.records import MONDAY, record


@pytest.fixture
def used(store):
    """A ledger with something of everything."""
    reserve(store, ask("r1"), NOW)
    reserve(store, ask("r2"), NOW)
    send(store, record(), record(id="3", consumer="shop/beta"))
    assert not differences(store, 0)
    return store


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (sa.update(USAGE).values(cost_micros=USAGE.c.cost_micros + 1), "usage of consumer and quarter"),
        (sa.update(USAGE).values(attempts=2), "usage of consumer and quarter"),
        (sa.delete(USAGE).where(USAGE.c.consumer == "shop/beta"), "usage of consumer and quarter"),
        (sa.delete(RECORDS).where(RECORDS.c.consumer == "shop/beta"), "usage of consumer and quarter"),
        (sa.update(ACCOUNTS).values(spent_micros=7), "spent of account"),
        (sa.update(ACCOUNTS).values(reserved_micros=7), "reserved of account"),
        (sa.delete(RESERVATIONS), "reserved of account"),
    ],
)
def test_what_was_changed_behind_the_ledgers_back_is_named(used, change, words):
    with used.writing() as tx:
        tx.execute(change)
    found = differences(used, 0)
    assert found
    assert all(each.startswith(words) for each in found)


def test_times_whose_records_are_gone_are_not_compared(used):
    with used.writing() as tx:
        tx.execute(sa.delete(RECORDS))
    assert differences(used, MONDAY + QUARTER_US) == []
    assert differences(used, MONDAY + QUARTER_US - 1)
