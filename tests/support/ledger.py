"""What tests send to a ledger, and its money."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from paceline.api.record import Record, write
from paceline.decide.budget import Budget
from paceline.decide.pricing import Price, PriceBook
from paceline.ledger.append import append
from paceline.ledger.batch import Batch, Line, Receipt
from paceline.ledger.reservations import Ask
from paceline.ledger.store import Store
from tests.support.records import MONDAY

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
UNIT = 1_000_000
#: Shortly after the usual record.
NOW = MONDAY + 10 * SECOND

#: 1, 0.5 and 2 micro-units per token, so the usual record costs 600 + 200 + 200 = 1,000.
PRICE = Price("list", "support-llm", 1_000_000, 500_000, 2_000_000)
BOOKS = {"platform/public": PriceBook([PRICE])}
COST = 1000

BERLIN = ZoneInfo("Europe/Berlin")


def budget(name: str = "month", amount: int = 500 * UNIT, mode: str = "Hard", **changes: Any) -> Budget:
    values = {"name": name, "amount": amount, "period": "Month", "zone": BERLIN, "mode": mode}
    return Budget(**(values | changes))


def ask(request: str = "r1", worst: int | None = 5000, budgets: Iterable[Budget] | None = None, **changes: Any) -> Ask:
    """Of the usual consumer, with one Hard budget where none is given."""
    values: dict[str, Any] = {"consumer": "shop/acme", "shipper": "pod-1", "longest_seconds": 600}
    return Ask(
        request, budgets=(budget(),) if budgets is None else tuple(budgets), worst_micros=worst, **(values | changes)
    )


def batch(*lines: Record | bytes, start: int = 0, **changes: Any) -> Batch:
    """A part of a log with these lines, one after another from `start` on."""
    found, position = [], start
    for each in lines:
        data = write(each) if isinstance(each, Record) else each
        found.append(Line(position, data))
        position += len(data) + 1
    values: dict[str, Any] = {"shipper": "pod-1", "log": "a", "complete_us": NOW}
    return Batch(start=start, end=position, lines=tuple(found), **(values | changes))


def send(store: Store, *lines: Record | bytes, now_us: int = NOW, books: Any = BOOKS, **changes: Any) -> Receipt:
    """Append a batch with these lines."""
    return append(store, batch(*lines, **changes), books, now_us)
