"""Does everything that was derived from the records still agree with them? Words for whatever does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from paceline.api.record import Purpose
from paceline.ledger.quarters import QUARTER_US
from paceline.ledger.store import Store
from paceline.ledger.tables import ACCOUNTS, RECORDS, RESERVATIONS, USAGE

_BILLED = RECORDS.c.purpose.in_([Purpose.USER.value, Purpose.REVIEWED.value])
_SUMS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cost_micros")


def differences(store: Store, since_us: int) -> list[str]:
    """Compare sums, accounts and reservations with the records that they came from.

    Args:
        store: The ledger.
        since_us: From when on all records are still there, taken down to the quarter of an hour.

    Returns:
        Nothing where all is well.
    """
    start = since_us - since_us % QUARTER_US
    with store.reading() as tx:
        return [*_usage(tx, start), *_spent(tx, start), *_reserved(tx)]


def _usage(tx: Connection, since_us: int) -> list[str]:
    """Sums of a quarter of an hour and consumer against the rows."""
    payer = sa.case((_BILLED, RECORDS.c.consumer), else_="")
    quarter = RECORDS.c.accounted_us - RECORDS.c.accounted_us % QUARTER_US
    sums = [sa.func.count(), *(sa.func.sum(RECORDS.c[name]) for name in _SUMS)]
    counted = _grouped(tx, [payer, quarter], sums, RECORDS.c.accounted_us >= since_us)
    sums = [sa.func.sum(USAGE.c[name]) for name in ("attempts", *_SUMS)]
    kept = _grouped(tx, [USAGE.c.consumer, USAGE.c.start_us], sums, USAGE.c.start_us >= since_us)
    return _told("usage of consumer and quarter", counted, kept)


def _spent(tx: Connection, since_us: int) -> list[str]:
    """What accounts have spent against the rows."""
    mine = (RECORDS.c.consumer == ACCOUNTS.c.consumer) & _BILLED
    mine &= (RECORDS.c.accounted_us >= ACCOUNTS.c.start_us) & (RECORDS.c.accounted_us < ACCOUNTS.c.end_us)
    spent = sa.select(sa.func.coalesce(sa.func.sum(RECORDS.c.cost_micros), 0)).where(mine).scalar_subquery()
    query = sa.select(ACCOUNTS.c.id, ACCOUNTS.c.spent_micros, spent).where(ACCOUNTS.c.start_us >= since_us)
    rows = tx.execute(query).all()
    return _told("spent of account", {row[0]: (int(row[2]),) for row in rows}, {row[0]: (row[1],) for row in rows})


def _reserved(tx: Connection) -> list[str]:
    """What accounts have reserved against the reservations."""
    held = _grouped(tx, [RESERVATIONS.c.account_id], [sa.func.sum(RESERVATIONS.c.left_micros)], sa.true())
    rows = tx.execute(sa.select(ACCOUNTS.c.id, ACCOUNTS.c.reserved_micros)).all()
    return _told(
        "reserved of account",
        {(row[0],): held.get((row[0],), (0,)) for row in rows},
        {(row[0],): (row[1],) for row in rows},
    )


def _grouped(
    tx: Connection,
    keys: Sequence[sa.ColumnElement[Any]],
    sums: Sequence[sa.ColumnElement[Any]],
    where: sa.ColumnElement[bool],
) -> dict[Any, tuple[int, ...]]:
    labelled = [key.label(f"key{number}") for number, key in enumerate(keys)]
    rows = tx.execute(sa.select(*labelled, *sums).where(where).group_by(*labelled)).all()
    # PostgreSQL sums 64-bit integers into decimals.
    return {tuple(row[: len(keys)]): tuple(int(each) for each in row[len(keys) :]) for row in rows}


def _told(what: str, counted: dict[Any, tuple[int, ...]], kept: dict[Any, tuple[int, ...]]) -> list[str]:
    return [
        f"{what} {key}: kept {kept.get(key)}, counted {counted.get(key)}"
        for key in sorted(counted.keys() | kept.keys())
        if counted.get(key) != kept.get(key)
    ]
