"""Errors of the drivers, and what they stand for."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError

from paceline.errors import Stalled
from paceline.ledger.errors import Gap, StoreFull, StoreUnavailable, fault
from paceline.ledger.store import Store


def sqlite_error(kind, code):
    made = kind("what SQLite says")
    made.sqlite_errorcode = code
    return made


def wrapped(cause, module):
    """As SQLAlchemy raises it."""
    return DBAPIError.instance("SELECT 1", {}, cause, module.Error)


@pytest.mark.parametrize(
    ("cause", "module", "kind"),
    [
        (sqlite_error(sqlite3.OperationalError, sqlite3.SQLITE_FULL), sqlite3, StoreFull),
        (sqlite_error(sqlite3.OperationalError, sqlite3.SQLITE_BUSY), sqlite3, StoreUnavailable),
        # An extended code: the low byte is the kind.
        (sqlite_error(sqlite3.OperationalError, sqlite3.SQLITE_IOERR_FSYNC), sqlite3, StoreUnavailable),
        (sqlite_error(sqlite3.DatabaseError, sqlite3.SQLITE_NOTADB), sqlite3, StoreUnavailable),
        (errors.DiskFull("no space"), psycopg, StoreFull),
        (errors.AdminShutdown("bye"), psycopg, StoreUnavailable),
        (errors.LockNotAvailable("lock_timeout"), psycopg, StoreUnavailable),
        (psycopg.OperationalError("connection refused"), psycopg, StoreUnavailable),
        (psycopg.InterfaceError("the connection is closed"), psycopg, StoreUnavailable),
    ],
)
def test_what_the_surroundings_cause_is_told_in_words(cause, module, kind):
    told = fault(wrapped(cause, module))
    assert type(told) is kind
    assert str(cause) in str(told)
    assert told.retry


@pytest.mark.parametrize(
    ("cause", "module"),
    [
        (sqlite_error(sqlite3.OperationalError, sqlite3.SQLITE_ERROR), sqlite3),
        (sqlite_error(sqlite3.IntegrityError, sqlite3.SQLITE_CONSTRAINT_UNIQUE), sqlite3),
        (sqlite3.ProgrammingError("one of ours"), sqlite3),
        (errors.UndefinedTable("one of ours"), psycopg),
        (errors.UniqueViolation("one of ours"), psycopg),
    ],
)
def test_a_mistake_of_ours_stays_one(cause, module):
    error = wrapped(cause, module)
    assert fault(error) is error


def test_a_full_disk_says_what_to_do():
    told = str(fault(wrapped(errors.DiskFull("no space\nHINT:  Check free disk space."), psycopg)))
    assert told == "StoreFull: The ledger's database failed: no space. Nothing was written; make room on its disk."


def test_a_gap_knows_where_to_go_on():
    assert Gap("pod-1", "a", 10, 20).position == 10


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "ledger.db", "", "sqlite", "sqlite://", "sqlite:///:memory:", "://", "oracle+cx://x"]
)
def test_only_the_two_databases_are_opened(url):
    with pytest.raises(Stalled, match=r"must be sqlite:////… or postgresql://…"):
        Store.open(url)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreUnavailable, match="unable to open database file"):
        Store.open(f"sqlite:///{tmp_path}/missing/ledger.db")


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"something else entirely, of some length" * 100)
    with pytest.raises(StoreUnavailable, match="file is not a database"):
        Store.open(f"sqlite:///{tmp_path}/ledger.db")


def test_a_server_that_is_away_is_told_without_its_password(tmp_path):
    with pytest.raises(StoreUnavailable) as away:
        Store.open(f"postgresql://ledger:canary-secret@/ledger?host={tmp_path}")
    assert "No such file or directory" in str(away.value)
    assert "canary-secret" not in str(away.value)
