"""A database that goes away, or is held by somebody else: told in words, nothing half written, and fine afterwards."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import psycopg
import pytest
import sqlalchemy as sa

from paceline.ledger import store as module
from paceline.ledger.balance import differences
from paceline.ledger.batch import position
from paceline.ledger.errors import StoreUnavailable
from paceline.ledger.reservations import reserve
from paceline.ledger.store import Store
from tests.support.ledger import NOW, ask, budget, send
from tests.support.records import record

GONE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'paceline-ledger'"


@pytest.fixture
def postgresql_url(server):
    return server.database()


def test_a_connection_that_breaks_in_the_middle_leaves_nothing(server, postgresql_url, monkeypatch):
    store = Store.open(postgresql_url)
    with monkeypatch.context() as broken:
        broken.setattr("paceline.ledger.history.tally", lambda *_: server.execute(GONE))
        with pytest.raises(StoreUnavailable, match="terminating connection"):
            send(store, record(), b"bad")
    assert position(store, "pod-1", "a") == 0
    assert send(store, record(), b"bad").recorded == 1
    assert not differences(store, 0)
    store.close()


def test_connections_that_broke_while_nobody_used_them_are_replaced(server, postgresql_url):
    store = Store.open(postgresql_url)
    send(store, record())
    server.execute(GONE)
    assert send(store, record()).replayed == 1
    store.close()


@pytest.mark.parametrize("holder", ["sqlite", "postgresql"])
def test_a_writers_lock_that_is_never_given_back_is_not_waited_for_forever(holder, request, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.1)
    monkeypatch.setattr(module, "_POSTGRESQL", "-c lock_timeout=100ms")
    if holder == "sqlite":
        store = Store.open(f"sqlite:///{tmp_path}/ledger.db")
        other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
        take, give = "BEGIN IMMEDIATE", "ROLLBACK"
    else:
        url = request.getfixturevalue("postgresql_url")
        store, other = Store.open(url), psycopg.connect(url, autocommit=True)
        take, give = f"SELECT pg_advisory_lock({module._LOCK})", "SELECT pg_advisory_unlock_all()"
    with closing(other):
        other.execute(take)
        with pytest.raises(StoreUnavailable, match="lock"):
            reserve(store, ask(), NOW)
        assert position(store, "pod-1", "a") == 0, "reading goes on"
        other.execute(give)
        assert reserve(store, ask(), NOW).allowed
    store.close()


def test_no_default_of_the_server_makes_a_writer_decide_on_what_was_before_it_waited(server, postgresql_url):
    """With snapshots of a whole transaction, the wait for the lock would come after the snapshot."""
    name = sa.make_url(postgresql_url).database
    server.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    store = Store.open(postgresql_url)
    small, allowed = budget(amount=5000 * 3), []
    threads = [
        threading.Thread(target=lambda n=n: allowed.append(reserve(store, ask(f"r{n}", budgets=[small]), NOW).allowed))
        for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(allowed) == 3
    assert len(allowed) == 16
    store.close()
