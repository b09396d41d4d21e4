"""Who stands on a gateway's deny list, and until when."""

from __future__ import annotations

import pytest

from paceline.api.ledger_config import LedgerConsumer
from paceline.decide.budget import Standing
from paceline.decide.denial import Denial, denial
from paceline.decide.period import Span
from tests.support.ledger import budget
from tests.support.ledger_config import a_consumer

SOFT = budget("soft", amount=1000, mode="Soft")
HARD = budget("hard", amount=1000)


def of(spent, *budgets, ends=50, **changes):
    standings = {each.name: Standing(Span(0, ends + index), spent, 0) for index, each in enumerate(budgets)}
    return denial(LedgerConsumer.model_validate(a_consumer(**changes)), budgets, standings)


@pytest.mark.parametrize(
    ("spent", "found"), [(999, None), (1000, Denial("Budget", 50, "soft")), (1001, Denial("Budget", 50, "soft"))]
)
def test_a_soft_budget_denies_from_its_last_micro_unit_on_until_its_period_ends(spent, found):
    assert of(spent, SOFT) == found


def test_hard_budgets_deny_nobody():
    assert of(5000, HARD) is None
    assert of(5000, HARD, SOFT) == Denial("Budget", 51, "soft")


def test_of_several_the_one_that_ends_last_is_named_because_until_then_nothing_is_served():
    assert of(5000, SOFT, budget("later", amount=1, mode="Soft")) == Denial("Budget", 51, "later")
    assert of(5000, SOFT, budget("later", amount=5001, mode="Soft")) == Denial("Budget", 50, "soft")


def test_who_is_suspended_stays_so_whatever_time_it_is():
    assert of(0, SOFT, suspended=True) == Denial("Suspended")
    assert of(5000, SOFT, suspended=True) == Denial("Suspended")
