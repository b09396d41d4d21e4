"""Lines that are no new record are kept aside, whole, with the reason; none is lost, and none stops the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from paceline.ledger.batch import Batch, Line
from paceline.ledger.store import Store, insert
from paceline.ledger.tables import BAD_LINES


@dataclass(frozen=True, slots=True)
class Bad:
    """A line, and what is wrong with it."""

    line: Line
    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A line that was kept aside.

    Attributes:
        received_us: Microseconds since 1970.
    """

    id: int
    shipper: str
    log: str
    position: int
    received_us: int
    reason: str
    line: bytes


def keep(tx: Connection, batch: Batch, lines: Sequence[Bad], now_us: int) -> int:
    """Keep lines of a batch; a line that is sent again is known by its place.

    Returns:
        How many are new.
    """
    if not lines:
        return 0
    rows = [
        {
            "shipper": batch.shipper,
            "log": batch.log,
            "position": bad.line.position,
            "received_us": now_us,
            "reason": bad.reason,
            "line": bad.line.data,
        }
        for bad in lines
    ]
    before = _count(tx, batch)
    tx.execute(insert(tx, BAD_LINES).on_conflict_do_nothing(index_elements=["shipper", "log", "position"]), rows)
    return _count(tx, batch) - before


def after(store: Store, number: int = 0, limit: int = 500) -> list[Kept]:
    """Lines that are kept aside, the oldest first, whose id is above a number."""
    query = sa.select(*(BAD_LINES.c[name] for name in Kept.__slots__)).where(BAD_LINES.c.id > number)
    with store.reading() as tx:
        return [Kept(*row) for row in tx.execute(query.order_by(BAD_LINES.c.id).limit(limit))]


def count(store: Store) -> int:
    """How many lines are kept aside."""
    with store.reading() as tx:
        return tx.execute(sa.select(sa.func.count()).select_from(BAD_LINES)).scalar_one()


def release(tx: Connection, numbers: Iterable[int]) -> None:
    """Keep lines aside no longer, by their ids."""
    tx.execute(sa.delete(BAD_LINES).where(BAD_LINES.c.id.in_(sorted(numbers))))


def _count(tx: Connection, batch: Batch) -> int:
    here = (BAD_LINES.c.shipper == batch.shipper) & (BAD_LINES.c.log == batch.log)
    here &= BAD_LINES.c.position.between(batch.start, batch.end)
    return tx.execute(sa.select(sa.func.count()).select_from(BAD_LINES).where(here)).scalar_one()
