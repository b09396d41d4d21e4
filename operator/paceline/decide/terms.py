"""What a Gateway's view says, as the decisions on money read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from paceline.api.ledger_view import Caller, LedgerView
from paceline.decide.budget import Budget
from paceline.decide.pricing import Price, PriceBook


def price_book(view: LedgerView) -> PriceBook:
    """The prices of a Gateway. Of those from the same time the one whose name sorts last holds."""
    return PriceBook(
        Price(
            name=each.name,
            model=each.model,
            input=each.input_micros,
            cached=each.cached_input_micros,
            output=each.output_micros,
            backend=each.backend,
            effective_us=each.effective_us,
        )
        for each in sorted(view.prices, key=lambda one: one.name)
    )


def budgets(caller: Caller, zone: Callable[[str], tzinfo]) -> tuple[Budget, ...]:
    """The budgets of a Consumer.

    Args:
        caller: The Consumer.
        zone: Finds a time zone by its name.

    Raises:
        ValueError: what `zone` raises for a name that it does not know.
    """
    return tuple(
        Budget(each.name, each.amount_micros, each.period, zone(each.time_zone), each.mode) for each in caller.budgets
    )
