"""Records, their sums, accounts, and how far logs are known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable, autoincrement=False) for name in names]


def _small(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def _flags(*names: str) -> list[sa.Column[bool]]:
    return [sa.Column(name, sa.Boolean(), nullable=False) for name in names]


def upgrade() -> None:
    """Make the first tables."""
    _records()
    _sums()
    _accounts()
    _logs()
    op.create_table(
        "documents", *_texts("name"), *_numbers("generation"), *_texts("body"), sa.PrimaryKeyConstraint("name")
    )


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("seq", SERIAL, primary_key=True),
        *_texts("id", "request_id", "gateway", "consumer", "team", "route", "model", "backend", "deployment"),
        *_texts("revision", "request_class"),
        *_small("attempt", "attempts"),
        *_flags("superseded"),
        *_texts("purpose", "outcome"),
        *_small("status"),
        *_flags("streamed"),
        *_numbers("started_us"),
        *_numbers("ttft_us", "last_us", nullable=True),
        *_numbers("duration_us", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"),
        *_texts("usage_source"),
        *_flags("usage_complete"),
        *_numbers("ttft_target_us", "tpot_target_us", nullable=True),
        *_numbers("accounted_us", "cost_micros"),
        sa.Column("price", sa.Text()),
        *_numbers("received_us"),
        sqlite_autoincrement=True,
    )
    op.create_index("records_id", "records", ["id"], unique=True)
    op.create_index("records_time", "records", ["accounted_us", "seq"])


def _sums() -> None:
    op.create_table(
        "usage",
        *_texts("consumer"),
        *_numbers("start_us"),
        *_texts("gateway", "team", "route", "model", "backend", "request_class"),
        *_numbers("attempts", "unpriced", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"),
        *_numbers("cost_micros"),
        sa.PrimaryKeyConstraint(
            "consumer", "start_us", "gateway", "team", "route", "model", "backend", "request_class"
        ),
    )
    op.create_index("usage_time", "usage", ["start_us"])
    op.create_table(
        "history",
        *_texts("deployment"),
        *_numbers("span_us", "start_us"),
        *_texts("revision"),
        *_numbers("requests", "eligible", "good", "input_tokens", "output_tokens"),
        *_texts("ttft", "tpot"),
        sa.PrimaryKeyConstraint("deployment", "span_us", "start_us", "revision"),
    )
    op.create_index("history_time", "history", ["span_us", "start_us"])


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", SERIAL, primary_key=True),
        *_texts("consumer", "period", "zone"),
        *_numbers("start_us", "end_us", "spent_micros", "reserved_micros"),
        sa.UniqueConstraint("consumer", "period", "zone", "start_us", name="accounts_period"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "reservations",
        *_texts("request_id"),
        sa.Column("account_id", SERIAL, sa.ForeignKey("accounts.id"), nullable=False, autoincrement=False),
        *_texts("shipper"),
        *_numbers("left_micros", "made_us", "expires_us"),
        sa.PrimaryKeyConstraint("request_id", "account_id"),
    )
    op.create_index("reservations_expiry", "reservations", ["expires_us"])
    op.create_table(
        "flights",
        *_texts("request_id", "consumer", "shipper"),
        *_numbers("expires_us"),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("flights_consumer", "flights", ["consumer"])
    op.create_index("flights_expiry", "flights", ["expires_us"])


def _logs() -> None:
    op.create_table(
        "offsets",
        *_texts("shipper", "log"),
        *_numbers("position", "updated_us"),
        sa.PrimaryKeyConstraint("shipper", "log"),
    )
    op.create_table(
        "shippers",
        *_texts("shipper"),
        *_numbers("complete_us", "updated_us"),
        sa.PrimaryKeyConstraint("shipper"),
    )
    op.create_table(
        "bad_lines",
        sa.Column("id", SERIAL, primary_key=True),
        *_texts("shipper", "log"),
        *_numbers("position", "received_us"),
        *_texts("reason"),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("shipper", "log", "position", name="bad_lines_place"),
    )
