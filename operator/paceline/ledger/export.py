"""Rows of `paceline usage export`: one per attempt, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from paceline.decide.period import instant
from paceline.ledger.store import Store
from paceline.ledger.tables import RECORDS

#: Rows that are read at a time.
PAGE = 1000

#: Name in a row, and column.
_COLUMNS = {
    "id": "id",
    "requestId": "request_id",
    "attempt": "attempt",
    "gateway": "gateway",
    "consumer": "consumer",
    "team": "team",
    "requestClass": "request_class",
    "conversation": "conversation",
    "route": "route",
    "model": "model",
    "backend": "backend",
    "purpose": "purpose",
    "outcome": "outcome",
    "status": "status",
    "inputTokens": "input_tokens",
    "cachedInputTokens": "cached_tokens",
    "outputTokens": "output_tokens",
    "reasoningTokens": "reasoning_tokens",
    "usageSource": "usage_source",
    "usageComplete": "usage_complete",
    "startedTime": "started_us",
    "price": "price",
    "costMicros": "cost_micros",
}


def rows(store: Store, since_us: int, until_us: int, consumer: str | None = None) -> Iterator[dict[str, Any]]:
    """Attempts that count in [since, until), of one consumer or of all.

    `startedTime` is RFC 3339 with microseconds, `price` the price's name or null, `conversation` null in rows of
    releases that knew of none, `costMicros` micro-units. A late
    record of a time that was read already does not come any more.
    """
    within = (RECORDS.c.accounted_us >= since_us) & (RECORDS.c.accounted_us < until_us)
    if consumer is not None:
        within &= RECORDS.c.consumer == consumer
    place = (RECORDS.c.accounted_us, RECORDS.c.seq)
    columns = [RECORDS.c[column].label(name) for name, column in _COLUMNS.items()]
    query = sa.select(*place, *columns).order_by(*place).limit(PAGE)
    after = (since_us, 0)
    while True:
        # A transaction for each page: a reader of hours would keep SQLite's log from being cut back.
        with store.reading() as tx:
            found = tx.execute(query.where(within & (sa.tuple_(*place) > after))).mappings().all()
        for row in found:
            yield {name: row[name] for name in _COLUMNS} | {"startedTime": _time(row["startedTime"])}
        if len(found) < PAGE:
            return
        after = (found[-1]["accounted_us"], found[-1]["seq"])


def _time(time_us: int) -> str:
    return instant(time_us).isoformat(timespec="microseconds").replace("+00:00", "Z")
