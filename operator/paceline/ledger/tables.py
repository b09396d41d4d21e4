"""The tables. Times are microseconds since 1970, money micro-units; migrations/versions/ makes them.

- records: one row per attempt, only ever appended; the ledger in the strict sense. All others can be told from it, as
  long as its rows are kept.
- usage: sums of a quarter of an hour, for roll-ups and for budgets that are opened later.
- history: a revision's requests by minute and by quarter of an hour, with its percentiles.
- accounts: what a Consumer spent and reserved in one budget period; reservations: who reserved it.
- flights: requests under way of Consumers that may have so many at a time.
- documents: what the ledger was told of consumers, gateways and models.
- offsets, shippers, bad_lines: how far the gateways' logs are known, and their lines that could not be read.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

#: SQLite counts up by itself only in a column that is called INTEGER; it has 64 bits all the same.
_SERIAL = BigInteger().with_variant(Integer, "sqlite")


def _text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=False)


def _number(name: str, *, key: bool = False, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=nullable, autoincrement=False)


RECORDS = Table(
    "records",
    METADATA,
    Column("seq", _SERIAL, primary_key=True),
    _text("id"),
    _text("request_id"),
    _text("gateway"),
    _text("consumer"),
    _text("team"),
    _text("route"),
    _text("model"),
    _text("backend"),
    _text("deployment"),
    _text("revision"),
    _text("request_class"),
    Column("attempt", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("superseded", Boolean, nullable=False),
    _text("purpose"),
    _text("outcome"),
    Column("status", Integer, nullable=False),
    Column("streamed", Boolean, nullable=False),
    _number("started_us"),
    _number("ttft_us", nullable=True),
    _number("last_us", nullable=True),
    _number("duration_us"),
    _number("input_tokens"),
    _number("cached_tokens"),
    _number("output_tokens"),
    _number("reasoning_tokens"),
    _text("usage_source"),
    Column("usage_complete", Boolean, nullable=False),
    _number("ttft_target_us", nullable=True),
    _number("tpot_target_us", nullable=True),
    Column("media", BigInteger, nullable=False, server_default="0"),
    # What the ledger adds. accounted_us: when it counts and by which time it is priced. price: its name.
    _number("accounted_us"),
    _number("cost_micros"),
    Column("price", Text),
    _number("received_us"),
    # Of the record; the release before writes none.
    Column("conversation", Text),
    Index("records_id", "id", unique=True),
    Index("records_time", "accounted_us", "seq"),
    sqlite_autoincrement=True,
)

USAGE = Table(
    "usage",
    METADATA,
    _text("consumer", key=True),
    _number("start_us", key=True),
    _text("gateway", key=True),
    _text("team", key=True),
    _text("route", key=True),
    _text("model", key=True),
    _text("backend", key=True),
    _text("request_class", key=True),
    _number("attempts"),
    _number("unpriced"),
    _number("input_tokens"),
    _number("cached_tokens"),
    _number("output_tokens"),
    _number("reasoning_tokens"),
    _number("cost_micros"),
    Index("usage_time", "start_us"),
)

HISTORY = Table(
    "history",
    METADATA,
    _text("deployment", key=True),
    _number("span_us", key=True),
    _number("start_us", key=True),
    _text("revision", key=True),
    _number("requests"),
    _number("eligible"),
    _number("good"),
    _number("input_tokens"),
    _number("output_tokens"),
    _text("ttft"),
    _text("tpot"),
    Index("history_time", "span_us", "start_us"),
)

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("id", _SERIAL, primary_key=True),
    _text("consumer"),
    _text("period"),
    _text("zone"),
    _number("start_us"),
    _number("end_us"),
    _number("spent_micros"),
    _number("reserved_micros"),
    UniqueConstraint("consumer", "period", "zone", "start_us", name="accounts_period"),
    sqlite_autoincrement=True,
)

RESERVATIONS = Table(
    "reservations",
    METADATA,
    _text("request_id", key=True),
    Column("account_id", _SERIAL, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    _text("shipper"),
    _number("left_micros"),
    _number("made_us"),
    _number("expires_us"),
    Index("reservations_expiry", "expires_us"),
)

FLIGHTS = Table(
    "flights",
    METADATA,
    _text("request_id", key=True),
    _text("consumer"),
    _text("shipper"),
    _number("expires_us"),
    Index("flights_consumer", "consumer"),
    Index("flights_expiry", "expires_us"),
)

DOCUMENTS = Table("documents", METADATA, _text("name", key=True), _number("generation"), _text("body"))

OFFSETS = Table(
    "offsets",
    METADATA,
    _text("shipper", key=True),
    _text("log", key=True),
    _number("position"),
    _number("updated_us"),
)

SHIPPERS = Table("shippers", METADATA, _text("shipper", key=True), _number("complete_us"), _number("updated_us"))

BAD_LINES = Table(
    "bad_lines",
    METADATA,
    Column("id", _SERIAL, primary_key=True),
    _text("shipper"),
    _text("log"),
    _number("position"),
    _number("received_us"),
    _text("reason"),
    Column("line", LargeBinary, nullable=False),
    UniqueConstraint("shipper", "log", "position", name="bad_lines_place"),
)
