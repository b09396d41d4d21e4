"""Requests under way of Consumers that may have so many at a time: counted where all replicas see them."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from paceline.ledger.tables import FLIGHTS


def count(tx: Connection, consumer: str) -> int:
    """How many requests of a consumer are under way."""
    return tx.execute(sa.select(sa.func.count()).where(FLIGHTS.c.consumer == consumer)).scalar_one()


def known(tx: Connection, request_id: str) -> bool:
    """Whether a request is under way."""
    return tx.execute(sa.select(FLIGHTS.c.request_id).where(FLIGHTS.c.request_id == request_id)).first() is not None


def start(tx: Connection, request_id: str, consumer: str, shipper: str, expires_us: int) -> None:
    """A request begins. Only the one writer may."""
    row = {"request_id": request_id, "consumer": consumer, "shipper": shipper, "expires_us": expires_us}
    tx.execute(sa.insert(FLIGHTS).values(row))


def land(tx: Connection, request_ids: Iterable[str]) -> None:
    """Requests are over."""
    if numbers := sorted(set(request_ids)):
        tx.execute(sa.delete(FLIGHTS).where(FLIGHTS.c.request_id.in_(numbers)))
