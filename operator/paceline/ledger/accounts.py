"""What a Consumer spent and reserved in the periods of its budgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from paceline.decide.budget import Budget, Standing
from paceline.decide.period import Span, span
from paceline.ledger import usage
from paceline.ledger.store import Store
from paceline.ledger.tables import ACCOUNTS

#: Period and time zone: what budgets that share an account have in common, whatever their names and amounts.
Kind = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Account:
    """One kind of period of one consumer, and how it stands."""

    id: int
    standing: Standing


def standings(store: Store, consumer: str, budgets: Sequence[Budget], now_us: int) -> dict[str, Standing]:
    """How budgets stand now, by their names; for the deny list, status and metrics.

    Args:
        store: The ledger.
        consumer: namespace/name.
        budgets: Of this consumer.
        now_us: Microseconds since 1970.
    """
    with store.reading() as tx:
        accounts = _open(tx, consumer, now_us)
    if any(kind(budget) not in accounts for budget in budgets):
        with store.writing() as tx:
            accounts = current(tx, consumer, budgets, now_us)
    return {budget.name: accounts[kind(budget)].standing for budget in budgets}


def every(store: Store, wanted: Mapping[str, Sequence[Budget]], now_us: int) -> dict[str, dict[str, Standing]]:
    """How the budgets of many consumers stand, by consumer and name; opens no account.

    Args:
        store: The ledger.
        wanted: Budgets by consumer.
        now_us: Microseconds since 1970.
    """
    now = (ACCOUNTS.c.start_us <= now_us) & (ACCOUNTS.c.end_us > now_us)
    with store.reading() as tx:
        opened = {(row["consumer"], row["period"], row["zone"]): row for row in _rows(tx, now)}
        return {
            consumer: {
                each.name: _account(row).standing
                if (row := opened.get((consumer, *kind(each))))
                else _unopened(tx, consumer, each, now_us)
                for each in budgets
            }
            for consumer, budgets in wanted.items()
        }


def current(tx: Connection, consumer: str, budgets: Iterable[Budget], now_us: int) -> dict[Kind, Account]:
    """The accounts of a consumer for the periods that are now; of these budgets at least. Only the one writer may.

    An account that is opened in the middle of its period (a new budget, a changed time zone, the first request after
    midnight) begins with what the consumer has spent in that period so far.
    """
    accounts = _open(tx, consumer, now_us)
    for budget in budgets:
        if kind(budget) not in accounts:
            accounts[kind(budget)] = _make(tx, consumer, budget, now_us)
    return accounts


def kind(budget: Budget) -> Kind:
    """The kind of a budget's account."""
    return budget.period, str(budget.zone)


def _open(tx: Connection, consumer: str, now_us: int) -> dict[Kind, Account]:
    now = (ACCOUNTS.c.consumer == consumer) & (ACCOUNTS.c.start_us <= now_us) & (ACCOUNTS.c.end_us > now_us)
    return {(row["period"], row["zone"]): _account(row) for row in _rows(tx, now)}


def _rows(tx: Connection, where: sa.ColumnElement[bool]) -> Iterable[sa.RowMapping]:
    return tx.execute(sa.select(ACCOUNTS).where(where)).mappings()


def _account(row: sa.RowMapping) -> Account:
    span_ = Span(row["start_us"], row["end_us"])
    return Account(row["id"], Standing(span_, row["spent_micros"], row["reserved_micros"]))


def _unopened(tx: Connection, consumer: str, budget: Budget, now_us: int) -> Standing:
    period = span(budget.period, budget.zone, now_us)
    return Standing(period, usage.spent(tx, consumer, period.start_us, period.end_us), 0)


def _make(tx: Connection, consumer: str, budget: Budget, now_us: int) -> Account:
    standing = _unopened(tx, consumer, budget, now_us)
    period, (name, zone) = standing.span, kind(budget)
    row = {
        "consumer": consumer,
        "period": name,
        "zone": zone,
        "start_us": period.start_us,
        "end_us": period.end_us,
        "spent_micros": standing.spent,
        "reserved_micros": 0,
    }
    number = tx.execute(sa.insert(ACCOUNTS).values(row).returning(ACCOUNTS.c.id)).scalar_one()
    return Account(number, standing)
