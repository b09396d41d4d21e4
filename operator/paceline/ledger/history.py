"""What a revision's users met, by minute and by quarter of an hour: counts, tokens, percentiles of TTFT and TPOT."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from paceline.api.record import Purpose, Record
from paceline.ledger.quarters import MINUTE_US, QUARTER_US, floor
from paceline.ledger.store import Store, put
from paceline.ledger.tables import HISTORY
from paceline.stats import slo
from paceline.stats.sketch import Sketch

#: Minutes are for live figures and fast burn rates, quarters of an hour for history.
SPANS = (MINUTE_US, QUARTER_US)

#: deployment, span, start, revision.
Key = tuple[str, int, int, str]


@dataclass(slots=True)
class Figures:
    """What was counted of one revision in some time.

    Attributes:
        requests: Of users, without attempts that were made again on the same revision.
        eligible: Those that count for the objective.
        good: Those of them that met it.
        ttft: Microseconds, of the eligible streams that brought a first byte.
        tpot: Microseconds per token, of those that brought two.
    """

    requests: int = 0
    eligible: int = 0
    good: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    ttft: Sketch = field(default_factory=Sketch)
    tpot: Sketch = field(default_factory=Sketch)

    def count(self, record: Record) -> None:
        """Take in one attempt."""
        self.requests += not record.superseded
        self.input_tokens += record.input_tokens
        self.output_tokens += record.output_tokens
        if not slo.eligible(record):
            return
        self.eligible += 1
        self.good += slo.good(record)
        if record.streamed and record.ttft_us is not None:
            self.ttft.add(record.ttft_us)
            if (tpot := slo.tpot_us(record)) is not None:
                self.tpot.add(tpot)

    def merge(self, other: Figures) -> None:
        """Take in all that another has counted."""
        self.requests += other.requests
        self.eligible += other.eligible
        self.good += other.good
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.ttft.merge(other.ttft)
        self.tpot.merge(other.tpot)


def tally(tx: Connection, records: Iterable[Record]) -> None:
    """Count attempts of users by the minute and the quarter of an hour in which their requests arrived."""
    new: dict[Key, Figures] = {}
    for record in records:
        if record.purpose in (Purpose.USER, Purpose.REVIEWED) and record.deployment:
            for span in SPANS:
                key = (record.deployment, span, floor(record.started_us, span), record.revision)
                new.setdefault(key, Figures()).count(record)
    if not new:
        return
    # A few rows per batch, so reading them, adding, and writing them back costs less than SQL that merges sketches.
    for key, before in _read(tx, _around(new)).items():
        if key in new:
            new[key].merge(before)
    put(tx, HISTORY, [_row(key, figures) for key, figures in new.items()])


def series(
    store: Store, deployment: str, since_us: int, until_us: int, span_us: int = QUARTER_US
) -> dict[tuple[int, str], Figures]:
    """Figures of one ModelDeployment by start of the minute or quarter, and revision.

    Args:
        store: The ledger.
        deployment: namespace/name.
        since_us: Inclusive, taken down to the span's start.
        until_us: Exclusive, the same.
        span_us: One of `SPANS`.
    """
    within = (
        (HISTORY.c.deployment == deployment)
        & (HISTORY.c.span_us == span_us)
        & (HISTORY.c.start_us >= floor(since_us, span_us))
        & (HISTORY.c.start_us < floor(until_us, span_us))
    )
    with store.reading() as tx:
        found = _read(tx, within)
    return {(start, revision): figures for (_, _, start, revision), figures in sorted(found.items())}


def totals(
    store: Store, deployment: str, since_us: int, until_us: int, span_us: int = QUARTER_US
) -> dict[str, Figures]:
    """Figures of one ModelDeployment by revision, over the same time as `series`."""
    sums: dict[str, Figures] = {}
    for (_, revision), figures in series(store, deployment, since_us, until_us, span_us).items():
        sums.setdefault(revision, Figures()).merge(figures)
    return sums


def latest(store: Store, since_us: int, until_us: int, span_us: int = QUARTER_US) -> dict[str, Figures]:
    """Figures of every ModelDeployment that had requests, all revisions together, over the same time as `series`."""
    within = (
        (HISTORY.c.span_us == span_us)
        & (HISTORY.c.start_us >= floor(since_us, span_us))
        & (HISTORY.c.start_us < floor(until_us, span_us))
    )
    sums: dict[str, Figures] = {}
    with store.reading() as tx:
        for (deployment, *_), figures in _read(tx, within).items():
            sums.setdefault(deployment, Figures()).merge(figures)
    return sums


def _around(keys: Iterable[Key]) -> sa.ColumnElement[bool]:
    """All rows of these deployments at these times, and few others."""
    deployments, _, starts, _ = (sorted(set(part)) for part in zip(*keys, strict=True))
    return HISTORY.c.deployment.in_(deployments) & HISTORY.c.start_us.in_(starts)


def _read(tx: Connection, within: sa.ColumnElement[bool]) -> dict[Key, Figures]:
    rows = tx.execute(sa.select(HISTORY).where(within)).mappings()
    return {(row["deployment"], row["span_us"], row["start_us"], row["revision"]): _figures(row) for row in rows}


def _figures(row: sa.RowMapping) -> Figures:
    counts = {name: int(row[name]) for name in ("requests", "eligible", "good", "input_tokens", "output_tokens")}
    return Figures(**counts, ttft=Sketch.load(row["ttft"]), tpot=Sketch.load(row["tpot"]))


def _row(key: Key, figures: Figures) -> dict[str, Any]:
    deployment, span, start, revision = key
    return {
        "deployment": deployment,
        "span_us": span,
        "start_us": start,
        "revision": revision,
        "requests": figures.requests,
        "eligible": figures.eligible,
        "good": figures.good,
        "input_tokens": figures.input_tokens,
        "output_tokens": figures.output_tokens,
        "ttft": figures.ttft.dump(),
        "tpot": figures.tpot.dump(),
    }
