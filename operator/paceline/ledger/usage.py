"""Sums of what was used and what it cost, by quarters of an hour: kept with each record, rolled up when asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from paceline.ledger.charging import Charge
from paceline.ledger.quarters import QUARTER_US, floor
from paceline.ledger.store import Store, add
from paceline.ledger.tables import USAGE

Dimension = Literal["consumer", "team", "gateway", "route", "model", "backend", "request_class"]

_KEYS = tuple(column.name for column in USAGE.primary_key)
_SUMS = tuple(column.name for column in USAGE.columns if not column.primary_key)


def tally(tx: Connection, charges: Iterable[Charge]) -> None:
    """Add attempts to the sums. What nobody pays for (copies, test requests) stands under consumer "" and team ""."""
    sums: dict[tuple[Any, ...], list[int]] = {}
    for charge in charges:
        record = charge.record
        consumer, team = (record.consumer, record.team) if record.billed else ("", "")
        start = floor(charge.accounted_us, QUARTER_US)
        labels = (record.gateway, team, record.route, record.model, record.backend, record.request_class)
        key = (consumer, start, *labels)
        row = sums.setdefault(key, [0] * len(_SUMS))
        tokens = (record.input_tokens, record.cached_tokens, record.output_tokens, record.reasoning_tokens)
        for index, amount in enumerate((1, int(charge.unpriced), *tokens, charge.cost_micros)):
            row[index] += amount
    add(tx, USAGE, [dict(zip(_KEYS + _SUMS, (*key, *row), strict=True)) for key, row in sums.items()])


def spent(tx: Connection, consumer: str, start_us: int, end_us: int) -> int:
    """Micro-units that a consumer spent in [start, end), which are edges of quarters of an hour."""
    within = (USAGE.c.consumer == consumer) & (USAGE.c.start_us >= start_us) & (USAGE.c.start_us < end_us)
    return int(tx.scalar(sa.select(sa.func.coalesce(sa.func.sum(USAGE.c.cost_micros), 0)).where(within)) or 0)


def rollup(
    store: Store,
    since_us: int,
    until_us: int,
    by: Sequence[Dimension],
    only: Mapping[Dimension, str] | None = None,
) -> list[dict[str, Any]]:
    """Sums over [since, until), both taken down to the quarter of an hour, by some of the dimensions.

    Args:
        store: The ledger.
        since_us: Microseconds since 1970, inclusive.
        until_us: Exclusive.
        by: What the sums are grouped by.
        only: Values that dimensions must have.

    Returns:
        The dearest first: the dimensions, attempts, unpriced attempts, tokens, and cost_micros.
    """
    keys = [USAGE.c[name] for name in by]
    # PostgreSQL sums 64-bit integers into decimals.
    sums = [sa.cast(sa.func.sum(USAGE.c[name]), sa.BigInteger).label(name) for name in _SUMS]
    within = (USAGE.c.start_us >= floor(since_us, QUARTER_US)) & (USAGE.c.start_us < floor(until_us, QUARTER_US))
    for name, value in (only or {}).items():
        within &= USAGE.c[name] == value
    query = sa.select(*keys, *sums).where(within).group_by(*keys).order_by(sa.desc("cost_micros"), *keys)
    with store.reading() as tx:
        return [dict(row) for row in tx.execute(query).mappings()]
