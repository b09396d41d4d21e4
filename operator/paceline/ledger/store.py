"""The ledger's database: SQLite in a file, or PostgreSQL by its URL. Many readers, one writer at a time.

Every change is made by the one who holds the writer's lock, in one transaction: of a thread and of a process on SQLite
(BEGIN IMMEDIATE), of the whole database on PostgreSQL (an advisory lock). So a budget is read, decided on and reserved
as if nobody else were there, and aggregates cannot differ from the records that they were made of.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from paceline.errors import Stalled
from paceline.ledger import migrate
from paceline.ledger.errors import fault

Row = Mapping[str, Any]

#: Of the writer's lock on PostgreSQL: "paceline" in ASCII, as a signed 64-bit number.
_LOCK = int.from_bytes(b"paceline")
#: Waiting for the writer's lock ends here; a batch of 1,000 records holds it for some 0.1 s.
_LOCK_SECONDS = 30
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # What was acknowledged is on the disk, also after a power cut.
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    # 64 MiB: the WAL is cut back to it after a burst.
    "PRAGMA journal_size_limit=67108864",
)
#: A writer that hangs loses its lock; statements end, whatever the network does.
_POSTGRESQL = (
    f"-c lock_timeout={_LOCK_SECONDS}s -c statement_timeout=60s -c idle_in_transaction_session_timeout=30s "
    "-c timezone=UTC"
)


class Store:
    """An open database, with the tables of this release. Safe for threads."""

    def __init__(self, engine: Engine) -> None:
        sqlite = engine.dialect.name == "sqlite"
        self._engine = engine
        # On PostgreSQL a writer must see what was committed while it waited for its lock, whatever the server's default
        # is, and a reader one state of things; SQLite's do so by themselves.
        self._writer = engine.execution_options(
            **{"paceline_writer": True} if sqlite else {"isolation_level": "READ COMMITTED"}
        )
        self._reader = engine if sqlite else engine.execution_options(isolation_level="REPEATABLE READ")
        self._queue = threading.Lock() if sqlite else nullcontext()

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a database and bring its tables to this release.

        Args:
            url: sqlite:////folder/ledger.db, or postgresql://user:password@host/database.

        Raises:
            Stalled: the URL is none of these, or the database was made by a later release.
            StoreUnavailable: it cannot be reached.
        """
        store = cls(_engine(_parsed(url)))
        try:
            with store.writing() as tx:
                migrate.upgrade(tx)
        except BaseException:
            store.close()
            raise
        return store

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that alone may write; it is committed at the end, or leaves nothing behind.

        Raises:
            StoreFull: the disk is full.
            StoreUnavailable: the database failed. In the commit itself it may have been written all the same.
        """
        # SQLite's own lock is polled: of 64 threads that reserve all the time, the longest wait was 3.3 s; with a lock
        # of ours before it 1.1 s.
        with self._queue, _faults(), self._writer.begin() as tx:
            if tx.dialect.name == "postgresql":
                tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            yield tx

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads, all of it the state at its first statement.

        Raises:
            StoreUnavailable: the database failed.
        """
        with _faults(), self._reader.begin() as tx:
            yield tx

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()


def insert(tx: Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """INSERT … ON CONFLICT in the words of the database."""
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)


def add(tx: Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Add to the sums of a table of aggregates: every column that is no key is one."""
    if rows:
        statement = insert(tx, table)
        sums = {column.name: column + statement.excluded[column.name] for column in _values(table)}
        tx.execute(statement.on_conflict_do_update(index_elements=table.primary_key, set_=sums), rows)


def put(tx: Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Write rows, over those with the same key."""
    if rows:
        statement = insert(tx, table)
        values = {column.name: statement.excluded[column.name] for column in _values(table)}
        tx.execute(statement.on_conflict_do_update(index_elements=table.primary_key, set_=values), rows)


def _values(table: sa.Table) -> list[sa.Column[Any]]:
    return [column for column in table.columns if not column.primary_key]


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise fault(error) from error


def _parsed(url: str) -> URL:
    drivers = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = URL.create("unknown")
    if parsed.drivername not in drivers or parsed.database in {None, "", ":memory:"}:
        raise Stalled("StoreUnknown", "The ledger's database must be sqlite:////… or postgresql://…; correct its URL.")
    return parsed.set(drivername=drivers[parsed.drivername])


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        options = {"connect_timeout": 5, "options": _POSTGRESQL, "application_name": "paceline-ledger"}
        return sa.create_engine(url, pool_size=8, max_overflow=24, pool_pre_ping=True, connect_args=options)
    engine = sa.create_engine(url, pool_size=8, max_overflow=24, connect_args={"timeout": _LOCK_SECONDS})
    sa.event.listen(engine, "connect", _connected)
    sa.event.listen(engine, "begin", _begun)
    return engine


def _connected(connection: Any, _: object) -> None:
    # The driver would begin transactions by itself, and only at the first write: too late for the writer's lock.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _begun(connection: Connection) -> None:
    writer = connection.get_execution_options().get("paceline_writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")
