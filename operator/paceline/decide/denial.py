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
        until_us: When a period ends, so that it is to be looked at again; None: time changes nothing.
    """

    reason: Reason
    until_us: int | None = None


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
    ends = [standings[each.name].span.end_us for each in used_up]
    return Denial("Budget", min(ends)) if ends else None
