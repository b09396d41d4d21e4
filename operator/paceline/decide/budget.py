"""May a Consumer spend more? Budgets and what is left of them.

A Soft budget is checked against what is spent, so the requests under way when it runs out are still served. A Hard one
is checked against what is spent, what is reserved, and the most that this request can cost: it is never exceeded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal

from paceline.api import money
from paceline.decide.period import SECOND, Period, Span, instant

Mode = Literal["Soft", "Hard"]

#: Where only reservations are in the way, room may come back with each answer.
RETRY_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Budget:
    """An entry of a Consumer's `budgets`.

    Attributes:
        amount: Micro-units for each period.
        zone: Whose midnights begin the periods.
    """

    name: str
    amount: int
    period: Period
    zone: tzinfo
    mode: Mode = "Soft"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands in one period, in micro-units.

    Attributes:
        reserved: The most that requests under way can still cost.
    """

    span: Span
    spent: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """May it spend?

    Attributes:
        reason: WithinBudget, BudgetExhausted, BudgetReserved or Unpriced.
        message: Says which budget, its figures and when it starts anew.
        retry_seconds: Try again after this time; None where it may spend, or where time changes nothing.
    """

    allowed: bool
    reason: str
    message: str
    retry_seconds: int | None = None


def decide(budget: Budget, standing: Standing, worst: int | None, now_us: int) -> Verdict:
    """May a request go ahead, as far as this budget is concerned?

    Args:
        budget: One of the Consumer's.
        standing: Of the period that is now.
        worst: Micro-units that it can cost at most; None where its model has no price. A Soft budget does not look
            at it.
        now_us: Microseconds since 1970, within the standing's span.
    """
    if budget.mode == "Soft":
        return _exhausted(budget, standing, now_us) if standing.spent >= budget.amount else _within(budget, standing)
    if worst is None:
        words = f'Budget "{budget.name}" is Hard, and the model has no price; add one to the prices of the Gateway.'
        return Verdict(allowed=False, reason="Unpriced", message=words)
    if standing.spent + worst > budget.amount:
        return _exhausted(budget, standing, now_us, worst)
    if standing.spent + standing.reserved + worst > budget.amount:
        words = (
            f'Budget "{budget.name}" is held by requests under way: {money.text(standing.spent)} spent and '
            f"{money.text(standing.reserved)} reserved of {_amount(budget)}, and this request can cost "
            f"{money.text(worst)}."
        )
        return Verdict(allowed=False, reason="BudgetReserved", message=words, retry_seconds=RETRY_SECONDS)
    return _within(budget, standing)


def _within(budget: Budget, standing: Standing) -> Verdict:
    words = f'Budget "{budget.name}": {money.text(standing.spent)} of {_amount(budget)} spent.'
    return Verdict(allowed=True, reason="WithinBudget", message=words)


def _exhausted(budget: Budget, standing: Standing, now_us: int, worst: int = 0) -> Verdict:
    seconds = max(1, -(-(standing.span.end_us - now_us) // SECOND))
    anew = instant(standing.span.end_us).astimezone(budget.zone).isoformat(timespec="seconds")
    asked = f", and this request can cost {money.text(worst)}" if worst else ""
    words = (
        f'Budget "{budget.name}" is used up: {money.text(standing.spent)} of {_amount(budget)} spent{asked}. '
        f"It starts anew at {anew}."
    )
    return Verdict(allowed=False, reason="BudgetExhausted", message=words, retry_seconds=seconds)


def _amount(budget: Budget) -> str:
    return f"{money.text(budget.amount)} per {budget.period.lower()}"
