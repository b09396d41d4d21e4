"""What attempts cost, and to whose accounts and reservations that goes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from paceline.api.record import Record, UsageSource
from paceline.decide.period import Span
from paceline.decide.pricing import PriceBook, Tokens
from paceline.ledger.tables import ACCOUNTS, RESERVATIONS

#: Prices by gateway, namespace/name.
Books = Mapping[str, PriceBook]

_NO_PRICES = PriceBook()


@dataclass(frozen=True, slots=True)
class Charge:
    """An attempt with its cost.

    Attributes:
        accounted_us: When it counts, and by which time it is priced: when its budget was reserved, or else when the
            request arrived. So a request at midnight is settled in the period that it was reserved in.
        price: Name of the price; None where none held, so that it cost nothing.
    """

    record: Record
    accounted_us: int
    cost_micros: int
    price: str | None

    @property
    def unpriced(self) -> bool:
        """Whether something was used that has no price."""
        return self.price is None and self.record.input_tokens + self.record.output_tokens > 0


@dataclass(slots=True)
class _Hold:
    """What a request still holds of one account."""

    account: int
    made_us: int
    left: int
    over: bool = False


class Till:
    """Takes the cost of each attempt of a batch out of its reservation, and onto its consumer's accounts.

    Attributes:
        overruns: Requests that cost more than was reserved for them.
    """

    def __init__(self, tx: Connection, records: Sequence[Record], books: Books) -> None:
        billed = [record for record in records if record.billed]
        self._books = books
        self._accounts = _accounts(tx, {record.consumer for record in billed})
        self._holds = _holds(tx, {record.request_id for record in billed})
        self._spent: Counter[int] = Counter()
        self._released: Counter[int] = Counter()
        self.overruns: list[str] = []

    def charge(self, record: Record) -> Charge:
        """Price one attempt; what its consumer pays is spent, and no longer reserved. Nobody pays for copies.

        An answer of which nobody said what it used costs what was reserved for it, and nothing where nothing was.
        """
        holds = self._holds.get(record.request_id, []) if record.billed else []
        charge = self._priced(record, holds[0].made_us if holds else record.started_us)
        if record.unmeasured and record.usage_source is UsageSource.MISSING and charge.price is not None and holds:
            # What it used is not known, so it costs what it could have used: a Hard budget is never exceeded.
            charge = replace(charge, cost_micros=holds[0].left)
        if record.billed:
            for account, span in self._accounts.get(record.consumer, ()):
                if charge.accounted_us in span:
                    self._spent[account] += charge.cost_micros
        for hold in holds:
            self._settle(hold, charge)
        return charge

    def close(self, tx: Connection) -> None:
        """Write what has changed."""
        changes = [
            {"account": account, "spent": self._spent[account], "released": self._released[account]}
            for account in sorted({*self._spent, *self._released})
        ]
        if changes:
            sums = {
                "spent_micros": ACCOUNTS.c.spent_micros + sa.bindparam("spent"),
                "reserved_micros": ACCOUNTS.c.reserved_micros - sa.bindparam("released"),
            }
            tx.execute(sa.update(ACCOUNTS).where(ACCOUNTS.c.id == sa.bindparam("account")).values(sums), changes)
        requests = RESERVATIONS.c.request_id == sa.bindparam("request")
        if over := [{"request": request} for request, holds in self._holds.items() if holds[0].over]:
            tx.execute(sa.delete(RESERVATIONS).where(requests), over)
        left = [
            {"request": request, "account": hold.account, "left": hold.left}
            for request, holds in self._holds.items()
            for hold in holds
            if not hold.over
        ]
        if left:
            one = requests & (RESERVATIONS.c.account_id == sa.bindparam("account"))
            tx.execute(sa.update(RESERVATIONS).where(one).values(left_micros=sa.bindparam("left")), left)

    def _priced(self, record: Record, accounted_us: int) -> Charge:
        price = self._books.get(record.gateway, _NO_PRICES).at(record.model, record.backend, accounted_us)
        if price is None:
            return Charge(record, accounted_us, 0, None)
        tokens = Tokens(record.input_tokens, record.cached_tokens, record.output_tokens)
        return Charge(record, accounted_us, price.cost(tokens), price.name)

    def _settle(self, hold: _Hold, charge: Charge) -> None:
        if charge.cost_micros > hold.left and not hold.over and charge.record.request_id not in self.overruns:
            self.overruns.append(charge.record.request_id)
        # The last attempt gives back what was not needed.
        released = hold.left if charge.record.last else min(charge.cost_micros, hold.left)
        self._released[hold.account] += released
        hold.left -= released
        hold.over = hold.over or charge.record.last


def _accounts(tx: Connection, consumers: Iterable[str]) -> Mapping[str, list[tuple[int, Span]]]:
    columns = sa.select(ACCOUNTS.c.consumer, ACCOUNTS.c.id, ACCOUNTS.c.start_us, ACCOUNTS.c.end_us)
    found = defaultdict(list)
    for consumer, number, start, end in tx.execute(columns.where(ACCOUNTS.c.consumer.in_(sorted(consumers)))):
        found[consumer].append((number, Span(start, end)))
    return found


def _holds(tx: Connection, requests: Iterable[str]) -> Mapping[str, list[_Hold]]:
    columns = sa.select(
        RESERVATIONS.c.request_id, RESERVATIONS.c.account_id, RESERVATIONS.c.made_us, RESERVATIONS.c.left_micros
    )
    found = defaultdict(list)
    for request, account, made, left in tx.execute(columns.where(RESERVATIONS.c.request_id.in_(sorted(requests)))):
        found[request].append(_Hold(account, made, left))
    return found
