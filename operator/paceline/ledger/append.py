"""Takes in batches of records, each exactly once, with all that follows from them in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from paceline.api.record import Outcome, Purpose, Record, UsageSource, parse
from paceline.ledger import flights, history, quarantine, usage
from paceline.ledger.batch import Batch, Line, Receipt, advance
from paceline.ledger.charging import Books, Charge, Till
from paceline.ledger.quarantine import Bad
from paceline.ledger.quarters import DAY_US
from paceline.ledger.retention import Retention
from paceline.ledger.store import Store
from paceline.ledger.tables import RECORDS

_NAMES = tuple(each.name for each in fields(Record))
_VALUES = attrgetter(*_NAMES)
_OUT_OF_TIME = "record.startedUs: too far from now to tell whether the attempt was counted before"


@dataclass(slots=True)
class _Sorted:
    """The lines of a batch, by what is done with them."""

    new: list[Record] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    replayed: int = 0


def append(store: Store, batch: Batch, books: Books, now_us: int, keep: Retention | None = None) -> Receipt:
    """Record what is new in a batch, price it, charge it, count it, and note how far the log is known.

    All or nothing: after a failure the batch is sent again, and what was recorded of it in spite of all is told by the
    ids of its attempts.

    Args:
        store: The ledger.
        batch: Some hundred lines; the writer's lock is held for about 0.1 ms per line.
        books: Prices of each gateway.
        now_us: Microseconds since 1970.
        keep: How long records are kept; lines from before that are kept aside.

    Raises:
        Gap: a part of the log is missing.
        StoreFull: the disk is full; nothing was written.
        StoreUnavailable: the database failed.
    """
    read = _read(batch.lines, now_us, keep, batch.gateway)
    with store.writing() as tx:
        position = advance(tx, batch, now_us)
        lines = _sort(tx, read)
        overruns = _take(tx, lines.new, books, now_us)
        bad = quarantine.keep(tx, batch, lines.bad, now_us)
    return Receipt(position, len(lines.new), lines.replayed, bad, tuple(lines.new), overruns)


def retry(store: Store, books: Books, now_us: int, keep: Retention | None = None) -> int:
    """Read the lines again that were kept aside, such as those of a gateway that was newer than the ledger.

    Args:
        store: The ledger.
        books: Prices of each gateway.
        now_us: Microseconds since 1970.
        keep: How long records are kept.

    Returns:
        How many were recorded; those, and replays, are kept aside no longer.
    """
    recorded = after = 0
    while lines := quarantine.after(store, after):
        after = lines[-1].id
        read = _read([Line(each.id, each.line) for each in lines], now_us, keep)
        with store.writing() as tx:
            found = _sort(tx, read)
            _take(tx, found.new, books, now_us)
            quarantine.release(tx, {each.id for each in lines} - {bad.line.position for bad in found.bad})
        recorded += len(found.new)
    return recorded


def _take(tx: Connection, new: Sequence[Record], books: Books, now_us: int) -> tuple[str, ...]:
    """Record new attempts, with all that follows from them; which requests cost more than was reserved."""
    till = Till(tx, new, books)
    charges = [till.charge(record) for record in new]
    if charges:
        tx.execute(sa.insert(RECORDS), [_row(charge, now_us) for charge in charges])
    till.close(tx)
    flights.land(tx, (record.request_id for record in new if record.billed and record.last))
    usage.tally(tx, charges)
    history.tally(tx, new)
    return tuple(till.overruns)


def _read(
    lines: Iterable[Line], now_us: int, keep: Retention | None, gateway: str = ""
) -> list[tuple[Line, Record | Bad]]:
    oldest, newest = (keep or Retention()).oldest_us(now_us), now_us + DAY_US
    read: list[tuple[Line, Record | Bad]] = []
    for line in lines:
        try:
            record = parse(line.data)
        except ValueError as wrong:
            read.append((line, Bad(line, str(wrong))))
            continue
        if gateway and record.gateway != gateway:
            read.append((line, Bad(line, f"record.gateway: it is {record.gateway}, but {gateway} sent it")))
        elif oldest <= record.started_us <= newest:
            read.append((line, record))
        else:
            read.append((line, Bad(line, _OUT_OF_TIME)))
    return read


def _sort(tx: Connection, read: Sequence[tuple[Line, Record | Bad]]) -> _Sorted:
    """Tell new attempts from those that are known: alike, it is a replay; else two attempts claim one id."""
    known = _known(tx, [found.id for _, found in read if isinstance(found, Record)])
    lines = _Sorted()
    for line, found in read:
        if isinstance(found, Bad):
            lines.bad.append(found)
        elif (before := known.get(found.id)) is None:
            known[found.id] = found
            lines.new.append(found)
        elif before == found:
            lines.replayed += 1
        else:
            lines.bad.append(Bad(line, f"record.id: {found.id} is the id of another attempt too"))
    return lines


def _known(tx: Connection, ids: Sequence[str]) -> dict[str, Record]:
    """The recorded ones of these attempts; nearly always none."""
    rows = tx.execute(sa.select(*(RECORDS.c[name] for name in _NAMES)).where(RECORDS.c.id.in_(ids))).mappings()
    return {row["id"]: _record(row) for row in rows}


def _row(charge: Charge, now_us: int) -> dict[str, Any]:
    record = charge.record
    row = dict(zip(_NAMES, _VALUES(record), strict=True))
    # psycopg would write the names of enums.
    row["purpose"], row["outcome"] = record.purpose.value, record.outcome.value
    row["usage_source"] = record.usage_source.value
    row["accounted_us"], row["cost_micros"] = charge.accounted_us, charge.cost_micros
    row["price"], row["received_us"] = charge.price, now_us
    return row


def _record(row: sa.RowMapping) -> Record:
    values = dict(row)
    values["purpose"], values["outcome"] = Purpose(row["purpose"]), Outcome(row["outcome"])
    values["usage_source"] = UsageSource(row["usage_source"])
    return Record(**values)
