"""How long the ledger keeps what, and the removal of what is older."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from paceline.ledger.quarters import MINUTE_US, QUARTER_US
from paceline.ledger.store import Store
from paceline.ledger.tables import ACCOUNTS, BAD_LINES, HISTORY, OFFSETS, RECORDS, RESERVATIONS, SHIPPERS, USAGE

#: Rows that one transaction removes at most, so that nobody waits long for the writer's lock.
CHUNK = 5000
#: Minutes of a revision are for live figures; quarters of an hour hold the same for longer.
MINUTES = timedelta(hours=2)
#: The longest budget period has 31 days and an hour.
_LONGEST = timedelta(days=32)
#: Room for clocks that differ and reservations that were made before their record's time.
_SLACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept.

    Attributes:
        records: Rows of attempts, and how far a log is known.
        usage: Sums for roll-ups, accounts, lines that could not be read. A budget that is opened in the middle of its
            period is summed from them.
        history: Quarters of an hour of a revision.

    Raises:
        ValueError: a time is shorter than the longest budget period.
    """

    records: timedelta = timedelta(days=35)
    usage: timedelta = timedelta(days=400)
    history: timedelta = timedelta(days=14)

    def __post_init__(self) -> None:
        if min(self.records, self.usage) < _LONGEST:
            raise ValueError(f"records and usage must be kept for {_LONGEST.days} days: a month's spend needs them")

    def oldest_us(self, now_us: int) -> int:
        """Attempts from before this time may have been removed, so that a replay of them could not be told."""
        return now_us - _us(self.records - _SLACK)


def prune(store: Store, keep: Retention, now_us: int, chunk: int = CHUNK) -> Counter[str]:
    """Remove what is older than it is kept.

    Args:
        store: The ledger.
        keep: How long.
        now_us: Microseconds since 1970.
        chunk: Rows per transaction.

    Returns:
        Removed rows by table.
    """
    records, usage, history, minutes = (
        now_us - _us(each) for each in (keep.records, keep.usage, keep.history, MINUTES)
    )
    removed: Counter[str] = Counter()
    for table, old in (
        (RECORDS, RECORDS.c.accounted_us < records),
        (USAGE, USAGE.c.start_us < usage),
        (HISTORY, (HISTORY.c.span_us == QUARTER_US) & (HISTORY.c.start_us < history)),
        (HISTORY, (HISTORY.c.span_us == MINUTE_US) & (HISTORY.c.start_us < minutes)),
        (ACCOUNTS, (ACCOUNTS.c.end_us < usage) & ACCOUNTS.c.id.not_in(sa.select(RESERVATIONS.c.account_id))),
        (OFFSETS, OFFSETS.c.updated_us < records),
        (SHIPPERS, SHIPPERS.c.updated_us < records),
        (BAD_LINES, BAD_LINES.c.received_us < usage),
    ):
        removed[table.name] += _remove(store, table, old, chunk)
    return removed


def _remove(store: Store, table: sa.Table, old: sa.ColumnElement[bool], chunk: int) -> int:
    key = list(table.primary_key)
    some = sa.select(*key).where(old).limit(chunk)
    removed = 0
    while True:
        with store.writing() as tx:
            now = tx.execute(sa.delete(table).where(sa.tuple_(*key).in_(some))).rowcount
        removed += now
        if now < chunk:
            return removed


def _us(time: timedelta) -> int:
    return time // timedelta(microseconds=1)
