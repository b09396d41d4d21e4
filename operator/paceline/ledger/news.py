"""What was recorded lately, by whichever replica: read in the order in which it was written."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from paceline.api.record import Purpose, Record
from paceline.ledger.store import Store
from paceline.ledger.tables import RECORDS

#: Rows that are read at a time.
PAGE = 5000

_BILLED = (Purpose.USER.value, Purpose.REVIEWED.value)


@dataclass(frozen=True, slots=True)
class News:
    """An attempt that somebody pays for.

    Attributes:
        deployment: Whose engine it reached; "" for none.
        over: The request has no further attempt.
    """

    request_id: str
    consumer: str
    deployment: str
    over: bool

    @classmethod
    def of(cls, record: Record) -> News:
        """What is new with a record."""
        return cls(record.request_id, record.consumer, record.deployment, record.last)


def newest(store: Store) -> int:
    """The number of the last record; 0 without any."""
    with store.reading() as tx:
        return tx.scalar(sa.select(sa.func.max(RECORDS.c.seq))) or 0


def after(store: Store, number: int) -> tuple[int, list[News]]:
    """What came after a record. Rows get their numbers by the one writer, so none comes later below one that is read.

    Returns:
        The number of the last record that was looked at, and the news.
    """
    columns = [RECORDS.c[name] for name in ("seq", "purpose", "request_id", "consumer", "deployment")]
    over = (RECORDS.c.attempt == RECORDS.c.attempts).label("over")
    query = sa.select(*columns, over).where(RECORDS.c.seq > number).order_by(RECORDS.c.seq).limit(PAGE)
    with store.reading() as tx:
        rows = tx.execute(query).all()
    news = [News(*row[2:5], over=bool(row[5])) for row in rows if row[1] in _BILLED]
    return (rows[-1][0] if rows else number), news
