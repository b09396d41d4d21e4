"""Hard budgets: the most that a request can cost is reserved before it is forwarded, and settled by its records.

With it stands how many requests a Consumer may have under way, which is asked and noted in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from paceline.decide import budget as budgets
from paceline.decide.budget import Budget, Verdict
from paceline.ledger import flights
from paceline.ledger.accounts import Account, Kind, current, kind
from paceline.ledger.quarters import MINUTE_US
from paceline.ledger.store import Store, put
from paceline.ledger.tables import ACCOUNTS, FLIGHTS, RESERVATIONS, SHIPPERS

_SECOND_US = 1_000_000
_CROWDED = Verdict(
    allowed=False,
    reason="ConcurrencyLimit",
    message="As many requests of the consumer are under way as may be.",
    retry_seconds=1,
)
#: For clocks of gateways that differ from ours, and for the record's way to us.
SLACK_US = MINUTE_US
#: A shipper of which nothing is heard holds its reservations this long; a gateway pod that is gone is retired earlier.
SILENT_US = 60 * MINUTE_US


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that is not forwarded yet.

    Attributes:
        request_id: Made by the gateway; asking twice for one request reserves once.
        consumer: namespace/name.
        shipper: The gateway pod, which will send the records of the request.
        budgets: All of the consumer's.
        worst_micros: The most that it can cost (decide.reservation.worst_cost); None where that is not known.
        longest_seconds: How long it can take at most, all attempts and waiting included.
        most_flights: Requests that the consumer may have under way, this one included; None: as many as it likes.
    """

    request_id: str
    consumer: str
    shipper: str
    budgets: tuple[Budget, ...]
    worst_micros: int | None
    longest_seconds: int
    most_flights: int | None = None


def reserve(store: Store, ask: Ask, now_us: int) -> Verdict:
    """Reserve what a request can cost in all Hard budgets of its consumer, or in none, and count it as under way.

    Args:
        store: The ledger.
        ask: Who asks for how much.
        now_us: Microseconds since 1970.

    Returns:
        The first refusal, of a budget or ConcurrencyLimit; without one the last budget's word.

    Raises:
        StoreFull, StoreUnavailable: nobody knows; the request must not be forwarded.
    """
    with store.writing() as tx:
        accounts = current(tx, ask.consumer, ask.budgets, now_us)
        hard = {kind(each): accounts[kind(each)] for each in ask.budgets if each.mode == "Hard"}
        if (hard and _reserved(tx, ask)) or (ask.most_flights is not None and flights.known(tx, ask.request_id)):
            return Verdict(allowed=True, reason="WithinBudget", message="This request has its reservation already.")
        verdict = _verdict(ask, accounts, now_us)
        if verdict.allowed and ask.most_flights is not None and flights.count(tx, ask.consumer) >= ask.most_flights:
            return _CROWDED
        if verdict.allowed:
            _take(tx, ask, [account.id for account in hard.values()], now_us)
    return verdict


def cancel(store: Store, request_id: str) -> None:
    """Give back all that a request holds: it is not forwarded after all."""
    with store.writing() as tx:
        _give_back(tx, RESERVATIONS.c.request_id == request_id)
        flights.land(tx, [request_id])


def expire(store: Store, now_us: int) -> int:
    """Give back what was reserved for requests that must be over and have left no record.

    A reservation has leaked when its gateway's shipper has sent all records up to the time by which the request had to
    be over; while a shipper is behind (records wait in its log) they are kept, so that a late record never exceeds a
    budget. A shipper that is silent is waited for `SILENT_US`.

    Returns:
        How many requests had leaked.
    """
    with store.writing() as tx:
        lost = tx.execute(sa.delete(FLIGHTS).where(_leaked(FLIGHTS, now_us)).returning(FLIGHTS.c.request_id))
        return len(_give_back(tx, _leaked(RESERVATIONS, now_us)) | set(lost.scalars()))


def retire(store: Store, shipper: str, now_us: int) -> None:
    """Wait for no more records of a gateway pod that is gone for good, and its log with it."""
    with store.writing() as tx:
        put(tx, SHIPPERS, [{"shipper": shipper, "complete_us": 2**62, "updated_us": now_us}])


def _leaked(table: sa.Table, now_us: int) -> sa.ColumnElement[bool]:
    sent = sa.select(SHIPPERS.c.complete_us).where(SHIPPERS.c.shipper == table.c.shipper).scalar_subquery()
    late = table.c.expires_us <= now_us
    return late & ((table.c.expires_us <= sent) | (table.c.expires_us <= now_us - SILENT_US))


def _reserved(tx: Connection, ask: Ask) -> bool:
    here = sa.select(RESERVATIONS.c.account_id).where(RESERVATIONS.c.request_id == ask.request_id)
    return tx.execute(here).first() is not None


def _verdict(ask: Ask, accounts: Mapping[Kind, Account], now_us: int) -> Verdict:
    verdict = Verdict(allowed=True, reason="WithinBudget", message="There is no budget.")
    for each in ask.budgets:
        verdict = budgets.decide(each, accounts[kind(each)].standing, ask.worst_micros, now_us)
        if not verdict.allowed:
            break
    return verdict


def _take(tx: Connection, ask: Ask, accounts: Sequence[int], now_us: int) -> None:
    expires = now_us + ask.longest_seconds * _SECOND_US + SLACK_US
    if ask.most_flights is not None:
        flights.start(tx, ask.request_id, ask.consumer, ask.shipper, expires)
    if not accounts or ask.worst_micros is None:
        return
    more = {"reserved_micros": ACCOUNTS.c.reserved_micros + ask.worst_micros}
    tx.execute(sa.update(ACCOUNTS).where(ACCOUNTS.c.id.in_(accounts)).values(more))
    row = {"request_id": ask.request_id, "shipper": ask.shipper, "left_micros": ask.worst_micros, "made_us": now_us}
    tx.execute(sa.insert(RESERVATIONS), [{**row, "account_id": account, "expires_us": expires} for account in accounts])


def _give_back(tx: Connection, which: sa.ColumnElement[bool]) -> set[str]:
    """Give back reservations; of which requests."""
    found = tx.execute(
        sa.delete(RESERVATIONS)
        .where(which)
        .returning(RESERVATIONS.c.request_id, RESERVATIONS.c.account_id, RESERVATIONS.c.left_micros)
    ).all()
    for _, account, left in found:
        less = {"reserved_micros": ACCOUNTS.c.reserved_micros - left}
        tx.execute(sa.update(ACCOUNTS).where(ACCOUNTS.c.id == account).values(less))
    return {request for request, _, _ in found}
