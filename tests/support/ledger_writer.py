"""A ledger that takes in one log, as a process that can be killed: python -m tests.support.ledger_writer URL LOG.

It asks the ledger from where to send, as a shipper does after a start, and sends the rest in batches. A second log is
a gateway's own reservations: each request of the first is reserved for before its record is sent.
"""

from __future__ import annotations

import sys
from pathlib import Path

from paceline.api.record import parse
from paceline.ledger.append import append
from paceline.ledger.batch import Batch, Line, position
from paceline.ledger.reservations import reserve
from paceline.ledger.store import Store
from tests.support.ledger import BOOKS, NOW, ask, budget

LINES = 20


def main() -> None:
    url, log = sys.argv[1], Path(sys.argv[2])
    store = Store.open(url)
    budgets = [budget(), budget("day", period="Day")]
    print("open", flush=True)
    with log.open("rb") as source:
        here = position(store, "pod-1", log.name)
        source.seek(here)
        while chunk := [line for _ in range(LINES) if (line := source.readline())]:
            lines, end = [], here
            for each in chunk:
                lines.append(Line(end, each[:-1]))
                end += len(each)
            for line in lines[:3]:
                record = parse(line.data)
                reserve(store, ask(record.request_id, budgets=budgets, consumer=record.consumer), record.started_us)
            append(store, Batch("pod-1", log.name, here, end, tuple(lines), NOW), BOOKS, NOW)
            here = end
    print("done", flush=True)


if __name__ == "__main__":
    main()
