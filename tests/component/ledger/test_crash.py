"""SIGKILL at any moment: every record is there once, and every sum agrees."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from paceline.api.record import write
from paceline.ledger import export, quarantine
from paceline.ledger.accounts import standings
from paceline.ledger.balance import differences
from paceline.ledger.batch import position
from paceline.ledger.store import Store
from tests.support.ledger import COST, DAY, NOW, budget
from tests.support.ledger_writer import LINES
from tests.support.records import MONDAY, record
from tests.support.tree import ROOT
from tests.support.waiting import wait_until

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
KILLS = 20
RECORDS = 40_000 if FULL else 8_000
CONSUMERS = 7


def a_log(folder):
    """Requests of a day, of some consumers, some with two attempts."""
    dice = random.Random(3)
    path = folder / "records.log"
    with path.open("wb") as log:
        for number in range(RECORDS):
            made = record(
                id=f"{number}.1",
                request_id=f"{number}",
                consumer=f"shop/c{number % CONSUMERS}",
                started_us=MONDAY - dice.randrange(DAY // 4),
                revision=dice.choice("ab"),
            )
            log.write(write(made) + b"\n")
    return path


@contextmanager
def writing(url, log):
    """A process that takes the log in, until it is done or killed."""
    command = [sys.executable, "-m", "tests.support.ledger_writer", url, str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "open\n"
        yield process


def test_after_20_kills_every_record_is_there_once(url, tmp_path):
    log, dice = a_log(tmp_path), random.Random(11)
    store = Store.open(url)
    landed = []
    for kill in range(KILLS):
        reached = position(store, "pod-1", log.name)
        # Into the middle of the work, wherever that is: a transaction, its commit, or between two. The second half of
        # the log is left for the end, so that no writer is done before it is killed.
        goal = log.stat().st_size * (kill + dice.random()) / (2 * KILLS)
        with writing(url, log) as process:
            wait_until(
                lambda goal=goal: position(store, "pod-1", log.name) >= goal, 60, "the writer to get there", 0.001
            )
            end = time.monotonic() + dice.random() * 0.02
            while time.monotonic() < end:
                pass
            process.kill()
            assert process.wait() == -9, "it was done before it was killed"
        landed.append(position(store, "pod-1", log.name) - reached)
        assert not differences(store, 0)
    assert sum(progress > 0 for progress in landed) > KILLS // 2
    with writing(url, log) as process:
        assert process.stdout.readline() == "done\n"
    ids = [row["id"] for row in export.rows(store, 0, NOW)]
    assert sorted(ids) == sorted(f"{number}.1" for number in range(RECORDS))
    assert quarantine.after(store) == []
    assert not differences(store, 0)
    for number in range(CONSUMERS):
        share = len(range(number, RECORDS, CONSUMERS))
        spent = [standings(store, f"shop/c{number}", [budget(period=each)], MONDAY) for each in ("Day", "Month")]
        assert [(each["month"].spent, each["month"].reserved) for each in spent] == [(share * COST, 0)] * 2
    store.close()


@pytest.mark.parametrize("torn", [1, 100, 4000])
def test_a_database_whose_log_was_torn_by_a_crash_opens_with_whole_batches(tmp_path, torn):
    """What a machine had not written of SQLite's WAL is as if it had not been committed: whole batches are missing."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    store = Store.open(url)
    log = tmp_path / "records.log"
    log.write_bytes(b"".join(write(record(id=f"{n}", request_id=f"{n}")) + b"\n" for n in range(100)))
    with writing(url, log) as process:
        assert process.stdout.readline() == "done\n"
    wal = tmp_path / "ledger.db-wal"
    (tmp_path / "copy.db").write_bytes((tmp_path / "ledger.db").read_bytes())
    (tmp_path / "copy.db-wal").write_bytes(wal.read_bytes()[:-torn])
    store.close()
    after = Store.open(f"sqlite:///{tmp_path}/copy.db")
    rows = len(list(export.rows(after, 0, NOW)))
    assert rows % LINES == 0
    assert position(after, "pod-1", log.name) == sum(map(len, log.read_bytes().splitlines(keepends=True)[:rows]))
    assert not differences(after, 0)
    after.close()
