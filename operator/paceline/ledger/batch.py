"""What a gateway's shipper sends and what it is answered, and how far its logs are known."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from paceline.api.record import Record
from paceline.ledger.errors import Gap
from paceline.ledger.store import Store, put
from paceline.ledger.tables import OFFSETS, SHIPPERS


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log, without its end, and where it begins."""

    position: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """A part of a log: [start, end), in bytes from the log's beginning.

    Attributes:
        shipper: One gateway pod.
        log: One file; a rotated log goes on as another.
        lines: Whole ones, in their order.
        complete_us: The shipper has sent the record of every request that ended before this time, by the clock of
            its machine. A batch without lines says so too.
        gateway: Whose records it may send, namespace/name; "": anybody's.
    """

    shipper: str
    log: str
    start: int
    end: int
    lines: tuple[Line, ...]
    complete_us: int
    gateway: str = ""

    def __post_init__(self) -> None:
        edges = [self.start, *(line.position for line in self.lines), self.end]
        if not (0 <= self.start <= self.end and edges == sorted(edges)):
            raise ValueError("the lines of a batch must stand in their order, from start on and before end")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch.

    Attributes:
        position: The log is known up to here; the shipper may forget what is before.
        recorded: Attempts that are new.
        replayed: Lines whose attempt was already recorded, alike.
        bad: Lines that were kept aside, new ones only.
        records: The new ones.
        overruns: Requests that cost more than was reserved for them: their bound was wrong.
    """

    position: int
    recorded: int
    replayed: int
    bad: int
    records: tuple[Record, ...]
    overruns: tuple[str, ...]

    @property
    def consumers(self) -> frozenset[str]:
        """Whose spend changed."""
        return frozenset(record.consumer for record in self.records if record.billed)


def position(store: Store, shipper: str, log: str) -> int:
    """From where a shipper has to send a log, in bytes; 0 for one that is not known."""
    with store.reading() as tx:
        return _position(tx, shipper, log)


def advance(tx: Connection, batch: Batch, now_us: int) -> int:
    """Note how far a log is known; a part that was sent before is taken again, and takes nothing back.

    Raises:
        Gap: a part before it is missing.
    """
    known = _position(tx, batch.shipper, batch.log)
    if batch.start > known:
        raise Gap(batch.shipper, batch.log, known, batch.start)
    reached = max(known, batch.end)
    place = {"shipper": batch.shipper, "log": batch.log}
    put(tx, OFFSETS, [{**place, "position": reached, "updated_us": now_us}])
    before = tx.scalar(sa.select(SHIPPERS.c.complete_us).where(SHIPPERS.c.shipper == batch.shipper))
    complete = max(before or 0, batch.complete_us)
    put(tx, SHIPPERS, [{"shipper": batch.shipper, "complete_us": complete, "updated_us": now_us}])
    return reached


def _position(tx: Connection, shipper: str, log: str) -> int:
    here = (OFFSETS.c.shipper == shipper) & (OFFSETS.c.log == log)
    return tx.scalar(sa.select(OFFSETS.c.position).where(here)) or 0
