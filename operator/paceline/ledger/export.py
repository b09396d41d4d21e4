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
    "media": "media",
    "usageSource": "usage_source",
    "usageComplete": "usage_complete",
    "startedTime": "started_us",
    "price": "price",
    "costMicros": "cost_micros",
}


#: Where a page ended: the time that its last row counts at, and its number.
Place = tuple[int, int]


def rows(store: Store, since_us: int, until_us: int, consumer: str | None = None) -> Iterator[dict[str, Any]]:
    """Attempts that count in [since, until), of one consumer or of all.

    `startedTime` is RFC 3339 with microseconds, `price` the price's name or null, `conversation` null in rows of
    releases that knew of none, `costMicros` micro-units. A late
    record of a time that was read already does not come any more.
    """
    after: Place | None = None
    while True:
        found, after = page(store, since_us, until_us, consumer, after)
        yield from found
        if after is None:
            return


def page(
    store: Store, since_us: int, until_us: int, consumer: str | None = None, after: Place | None = None
) -> tuple[list[dict[str, Any]], Place | None]:
    """The next rows, and where they ended; None: there are no more.

    A transaction for each page: a reader of hours would keep SQLite's log from being cut back.
    """
    within = (RECORDS.c.accounted_us >= since_us) & (RECORDS.c.accounted_us < until_us)
    if consumer is not None:
        within &= RECORDS.c.consumer == consumer
    place = (RECORDS.c.accounted_us, RECORDS.c.seq)
    columns = [RECORDS.c[column].label(name) for name, column in _COLUMNS.items()]
    within &= sa.tuple_(*place) > (after or (since_us, 0))
    with store.reading() as tx:
        query = sa.select(*place, *columns).where(within).order_by(*place).limit(PAGE)
        found = tx.execute(query).mappings().all()
    made = [{name: row[name] for name in _COLUMNS} | {"startedTime": _time(row["startedTime"])} for row in found]
    return made, (found[-1]["accounted_us"], found[-1]["seq"]) if len(found) == PAGE else None


def _time(time_us: int) -> str:
    return instant(time_us).isoformat(timespec="microseconds").replace("+00:00", "Z")
