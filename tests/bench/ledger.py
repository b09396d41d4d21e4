"""How many records per second does the ledger take in on SQLite, on one core, and is every sum exact?

    python -m tests.bench.ledger [--count 20000] [--url sqlite:////folder/ledger.db]

prints one JSON object. Records are read from a log as a gateway ships them (100 consumers with two budgets each, 10
models, 30 % not streamed, 10 % aborted, 2 % cut off, 5 % tried twice), priced, charged, summed, and written with one
fsync per batch. Beside it, in the same run, bare sqlite3 writes the same rows into the same table, without reading,
pricing or summing anything. The machine's disk and other load count in records per second, not in those per CPU second.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from paceline.api.record import Outcome, Record, UsageSource, write
from paceline.decide.pricing import Price, PriceBook
from paceline.ledger import usage
from paceline.ledger.accounts import standings
from paceline.ledger.append import append
from paceline.ledger.balance import differences
from paceline.ledger.batch import Batch, Line
from paceline.ledger.reservations import reserve
from paceline.ledger.store import Store
from paceline.ledger.tables import RECORDS
from tests.support.ledger import BERLIN, DAY, SECOND, ask, budget
from tests.support.records import MONDAY, record

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
GOAL = 3000
BATCH = 500
CONSUMERS, MODELS = 100, 10
BUDGETS = [budget(mode="Soft"), budget("day", period="Day", mode="Soft")]
#: Micro-units per million tokens of each model: input, cached input, output.
PRICES = [(120_001 + 310_007 * n, 60_000 + 155_003 * n, 480_003 + 1_240_011 * n) for n in range(MODELS)]
NOW = MONDAY + DAY // 4


def records(count: int) -> Iterator[Record]:
    """Attempts as they come at `GOAL` a second."""
    dice = random.Random(5)
    for number in range(count):
        model, tokens = number % MODELS, dice.randrange(20, 4000)
        retried = dice.random() < 0.05
        outcome = dice.choices([Outcome.COMPLETED, Outcome.ABORTED, Outcome.RESET], [88, 10, 2])[0]
        made = {
            "request_id": f"{number:032x}",
            "consumer": f"shop/c{dice.randrange(CONSUMERS)}",
            "model": f"m{model}",
            "route": f"r{model}",
            "deployment": f"ml/m{model}",
            "revision": dice.choice("ab"),
            "streamed": dice.random() < 0.7,
            "started_us": MONDAY + number * SECOND // GOAL,
            "ttft_us": (ttft := dice.randrange(20_000, 900_000)),
            "last_us": ttft + dice.randrange(1, 9_000_000),
            "input_tokens": tokens,
            "cached_tokens": dice.randrange(tokens),
            "output_tokens": dice.randrange(1, 1500),
        }
        if retried:
            nothing = {"input_tokens": 0, "cached_tokens": 0, "output_tokens": 0, "usage_source": UsageSource.MISSING}
            failed = made | nothing | {"ttft_us": None, "last_us": None, "attempts": 2, "superseded": True}
            yield record(**failed, id=f"{number:032x}.1", outcome=Outcome.FAILED, status=503)
        attempt = 1 + retried
        yield record(**made, id=f"{number:032x}.{attempt}", outcome=outcome, attempt=attempt, attempts=attempt)


def batches(log: Path) -> Iterator[Batch]:
    """The log as a shipper reads it."""
    with log.open("rb") as source:
        here = 0
        while chunk := [line for _ in range(BATCH) if (line := source.readline())]:
            lines, end = [], here
            for each in chunk:
                lines.append(Line(end, each[:-1]))
                end += len(each)
            yield Batch("pod-1", "a", here, end, tuple(lines), MONDAY)
            here = end


def books() -> dict[str, PriceBook]:
    return {"platform/public": PriceBook(Price("list", f"m{n}", *amounts) for n, amounts in enumerate(PRICES))}


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(work: Any) -> tuple[float, float]:
    """Seconds of wall and CPU."""
    wall, before = time.monotonic(), cpu()
    work()
    return time.monotonic() - wall, cpu() - before


def take_in(store: Store, log: Path) -> dict[str, Any]:
    prices, longest = books(), 0.0
    count = 0

    def work() -> None:
        nonlocal count, longest
        for batch in batches(log):
            begun = time.monotonic()
            count += append(store, batch, prices, NOW).recorded
            longest = max(longest, time.monotonic() - begun)

    wall, used = timed(work)
    return {
        "records": count,
        "records per second": round(count / wall),
        "records per CPU second": round(count / used),
        "longest batch (ms)": round(1000 * longest),
    }


def bare(folder: Path, rows: list[dict[str, Any]]) -> int:
    """Rows per CPU second of sqlite3 alone, with the same table, indexes, batches and fsyncs."""
    Store.open(f"sqlite:///{folder}/bare.db").close()
    statement = str(sa.insert(RECORDS).compile(dialect=sqlite.dialect()))
    values = [tuple(row[column.name] for column in RECORDS.columns) for row in rows]
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")

        def work() -> None:
            for first in range(0, len(values), BATCH):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(statement, values[first : first + BATCH])
                connection.execute("COMMIT")

        _, used = timed(work)
    return round(len(rows) / used)


def wrong(store: Store, count: int) -> list[str]:
    """Whatever is not exactly as counted from the records themselves, with fractions."""
    costs: dict[str, int] = {}
    tokens = 0
    for each in records(count):
        input_price, cached_price, output_price = (Fraction(p, 1_000_000) for p in PRICES[int(each.model[1:])])
        exact = (each.input_tokens - each.cached_tokens) * input_price
        exact += each.cached_tokens * cached_price + each.output_tokens * output_price
        costs[each.consumer] = costs.get(each.consumer, 0) + -(-exact.numerator // exact.denominator)
        tokens += each.input_tokens + each.output_tokens
    rolled = {row["consumer"]: row for row in usage.rollup(store, 0, NOW + DAY, ["consumer"])}
    found = [*differences(store, 0)]
    if {consumer: row["cost_micros"] for consumer, row in rolled.items()} != costs:
        found.append("cost of consumers")
    if sum(row["input_tokens"] + row["output_tokens"] for row in rolled.values()) != tokens:
        found.append("tokens")
    for consumer, cost in costs.items():
        if any(each.spent != cost for each in standings(store, consumer, BUDGETS, MONDAY).values()):
            found.append(f"accounts of {consumer}")
    return found


def latency(store: Store, count: int) -> dict[str, float]:
    """Of a reservation, one after another."""
    hard = budget(amount=10**12, zone=BERLIN)
    seconds = []
    for number in range(count):
        begun = time.monotonic()
        reserve(store, ask(f"hard-{number}", budgets=[hard], consumer="shop/hard"), NOW)
        seconds.append(time.monotonic() - begun)
    hundredths = statistics.quantiles(seconds, n=100)
    return {"reservation p50 (ms)": round(1000 * hundredths[49], 2), "p99 (ms)": round(1000 * hundredths[98], 2)}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200_000 if FULL else 20_000, help="requests")
    parser.add_argument("--url", help="another database; default: SQLite in a folder of its own")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="paceline-bench-") as name:
        folder = Path(name)
        log = folder / "records.log"
        with log.open("wb") as made:
            for each in records(options.count):
                made.write(write(each) + b"\n")
        store = Store.open(options.url or f"sqlite:///{folder}/ledger.db")
        for number in range(CONSUMERS):
            standings(store, f"shop/c{number}", BUDGETS, MONDAY)
        figures = take_in(store, log)
        again = take_in(store, log)
        if again["records"]:
            print("a replay was recorded", file=sys.stderr)
            return 1
        figures["wrong"] = wrong(store, options.count)
        figures |= latency(store, 500)
        with store.reading() as tx:
            rows = [dict(row) for row in tx.execute(sa.select(RECORDS).limit(20_000)).mappings()]
        figures["bare sqlite3, rows per CPU second"] = bare(folder, rows)
        figures["bytes per record"] = round(
            sum(each.stat().st_size for each in folder.glob("ledger.db*")) / figures["records"]
        )
        figures["load average"] = os.getloadavg()[0]
        store.close()
    print(json.dumps(figures))
    slow = FULL and figures["records per CPU second"] < GOAL
    return 1 if figures["wrong"] or slow else 0


if __name__ == "__main__":
    sys.exit(main())
