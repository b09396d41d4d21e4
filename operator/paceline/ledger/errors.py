"""What can go wrong with the ledger's database, in words for whoever runs it."""

from __future__ import annotations

import sqlite3

import psycopg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from paceline.errors import Stalled, Transient


class StoreUnavailable(Transient):
    """The database cannot be reached, opened or locked in time; nothing was written, or it is not known whether."""


class StoreFull(Transient):
    """The disk of the database is full; nothing was written."""

    level = "ERROR"


class StoreTooNew(Stalled):
    """The database was made by a later release."""


class Gap(Transient):
    """A shipper left out a part of its log; it must send again from where the ledger is.

    Attributes:
        position: Where that is.
    """

    def __init__(self, shipper: str, log: str, position: int, start: int) -> None:
        message = f"{shipper} sent {log} from byte {start}, but it is known up to byte {position} only."
        super().__init__("Gap", message)
        self.position = position


#: Codes of SQLite (https://sqlite.org/rescode.html) that its surroundings cause; the low byte of an extended code.
_SURROUNDINGS = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}
#: SQLSTATE of PostgreSQL (its appendix A): disk_full.
_DISK_FULL = "53100"


def fault(error: DBAPIError) -> Exception:
    """The failure that an error of the driver stands for; the error itself where it is a mistake of ours."""
    cause = error.orig
    # PostgreSQL adds lines with hints.
    first, *_ = str(cause).splitlines() or [""]
    words = f"The ledger's database failed: {first}."
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return StoreFull("StoreFull", f"{words} Nothing was written; make room on its disk.")
        return StoreUnavailable("StoreUnavailable", words) if code in _SURROUNDINGS else error
    if isinstance(cause, psycopg.Error) and cause.sqlstate == _DISK_FULL:
        return StoreFull("StoreFull", f"{words} Nothing was written; make room on its disk.")
    # Operational: no connection, a connection that broke, a lock or statement that took too long, a server that stops.
    return (
        StoreUnavailable("StoreUnavailable", words) if isinstance(error, OperationalError | InterfaceError) else error
    )
