"""Who gets nothing for now: the deny list of a gateway, and until when somebody stands on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from paceline.api.ledger_config import LedgerConsumer
from paceline.decide.budget import Budget, Standing

Reason = Literal["Budget", "Suspended"]


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a consumer gets nothing.

    Attributes:
        until_us: When the period ends, so that it is to be looked at again; None: time changes nothing.
        budget: Name of the one that is used up; of several, the one whose period ends last.
    """

    reason: Reason
    until_us: int | None = None
    budget: str = ""


def denial(consumer: LedgerConsumer, budgets: Iterable[Budget], standings: Mapping[str, Standing]) -> Denial | None:
    """Does a consumer stand on the deny list?

    Hard budgets put nobody there: the request itself is told what it could cost and what is left.

    Args:
        consumer: Whom it is about.
        budgets: All of its budgets.
        standings: Of those budgets now, by their names.
    """
    if consumer.suspended:
        return Denial("Suspended")
    used_up = [each for each in budgets if each.mode == "Soft" and standings[each.name].spent >= each.amount]
    until = {each.name: standings[each.name].span.end_us for each in used_up}
    last = max(until, key=lambda name: until[name], default=None)
    return Denial("Budget", until[last], last) if last is not None else None
