"""A full disk is told in words, leaves nothing half written, and costs nothing once there is room again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from paceline.ledger import export
from paceline.ledger.accounts import standings
from paceline.ledger.balance import differences
from paceline.ledger.batch import position
from paceline.ledger.errors import StoreFull
from paceline.ledger.reservations import reserve
from paceline.ledger.store import Store
from tests.support.ledger import NOW, ask, budget, send
from tests.support.records import record

#: Smallest room in which PostgreSQL still makes its tables.
MEBIBYTES = 4


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of a few megabytes."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk needs the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def cramped(request, tmp_path):
    """A ledger on a small disk, and that disk."""
    if request.param == "sqlite":
        with small_disk(tmp_path / "disk") as disk:
            store = Store.open(f"sqlite:///{disk}/ledger.db")
            yield store, disk
            store.close()
        return
    server = request.getfixturevalue("server")
    with small_disk(server.folder / "disk") as disk:
        space = disk / "space"
        space.mkdir()
        server.owned(space)
        server.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
        url = server.database("TABLESPACE small")
        store = Store.open(url)
        yield store, disk
        store.close()
        server.execute(f"DROP DATABASE {sa.make_url(url).database}")
        server.execute("DROP TABLESPACE small")


def fill(disk):
    """Take all room that is left."""
    with (disk / "filler").open("wb", buffering=0) as filler:
        for size in (65536, 4096):
            try:
                while filler.write(b"x" * size) == size:
                    pass
            except OSError:
                continue


def sent(store, number):
    return send(store, *(record(id=f"{number}-{each}") for each in range(100)), log=f"{number}")


def until_full(work):
    """Do work(0), work(1), … until there is no room; how often it was done, and what was said then."""
    for number in range(100_000):
        try:
            work(number)
        except StoreFull as full:
            return number, str(full)
    return pytest.fail("the disk never got full")


def test_a_batch_that_finds_no_room_leaves_nothing_and_is_taken_in_later(cramped):
    store, disk = cramped
    fill(disk)
    taken, told = until_full(lambda number: sent(store, number))
    assert told.startswith("StoreFull: The ledger's database failed: ")
    assert told.endswith(". Nothing was written; make room on its disk.")
    assert len(list(export.rows(store, 0, NOW))) == 100 * taken
    assert position(store, "pod-1", f"{taken}") == 0
    assert not differences(store, 0)
    (disk / "filler").unlink()
    assert sent(store, taken).recorded == 100
    assert not differences(store, 0)


def test_without_room_nothing_is_reserved(cramped):
    store, disk = cramped
    reserve(store, ask("first", worst=1), NOW)
    fill(disk)
    taken, _ = until_full(lambda number: reserve(store, ask(f"r{number}", worst=1), NOW))
    assert standings(store, "shop/acme", [budget()], NOW)["month"].reserved == 1 + taken
    assert not differences(store, 0)
