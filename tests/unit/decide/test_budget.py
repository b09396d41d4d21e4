"""May a Consumer spend more?"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.decide.budget import Budget, Standing, decide
from paceline.decide.period import SECOND, Span

BERLIN = ZoneInfo("Europe/Berlin")
#: November 2026 in Berlin.
NOVEMBER = Span(1_793_487_600 * SECOND, 1_796_079_600 * SECOND)
UNIT = 1_000_000


def budget(mode="Hard", amount=500):
    return Budget("month", amount * UNIT, "Month", BERLIN, mode)


def ask(*, mode="Hard", spent=0, reserved=0, worst=0, before_end=100 * SECOND):
    standing = Standing(NOVEMBER, spent * UNIT, reserved * UNIT)
    cost = None if worst is None else worst * UNIT
    return decide(budget(mode), standing, cost, NOVEMBER.end_us - before_end)


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({}, "WithinBudget"),
        ({"spent": 499}, "WithinBudget"),
        ({"spent": 500}, "BudgetExhausted"),
        ({"spent": 700}, "BudgetExhausted"),
        # What is under way does not count, nor what this one can cost.
        ({"spent": 499, "reserved": 90, "worst": 90}, "WithinBudget"),
        ({"worst": None}, "WithinBudget"),
    ],
)
def test_a_soft_budget_looks_at_what_is_spent(figures, reason):
    verdict = ask(mode="Soft", **figures)
    assert verdict.reason == reason
    assert verdict.allowed == (reason == "WithinBudget")


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({"worst": 500}, "WithinBudget"),
        ({"worst": 501}, "BudgetExhausted"),
        ({"spent": 300, "reserved": 100, "worst": 100}, "WithinBudget"),
        ({"spent": 300, "reserved": 101, "worst": 100}, "BudgetReserved"),
        ({"spent": 401, "reserved": 99, "worst": 100}, "BudgetExhausted"),
        ({"spent": 500, "worst": 0}, "WithinBudget"),
        ({"worst": None}, "Unpriced"),
    ],
)
def test_a_hard_budget_has_room_for_everything_that_may_come(figures, reason):
    verdict = ask(**figures)
    assert verdict.reason == reason
    assert verdict.allowed == (reason == "WithinBudget")


@pytest.mark.parametrize(("before_end", "seconds"), [(100 * SECOND, 100), (99 * SECOND + 1, 100), (1, 1), (0, 1)])
def test_a_budget_that_is_used_up_says_when_it_starts_anew(before_end, seconds):
    verdict = ask(spent=500, worst=1, before_end=before_end)
    assert verdict.retry_seconds == seconds
    assert verdict.message == (
        'Budget "month" is used up: 500.00 of 500.00 per month spent, and this request can cost 1.00. '
        "It starts anew at 2026-12-01T00:00:00+01:00."
    )


def test_a_soft_budget_that_is_used_up_does_not_speak_of_the_request():
    message = ask(mode="Soft", spent=500, worst=1).message
    assert message.startswith('Budget "month" is used up: 500.00 of 500.00 per month spent. It starts')


def test_reservations_in_the_way_are_soon_gone():
    verdict = ask(spent=300, reserved=150, worst=60)
    assert verdict.retry_seconds == 1
    assert verdict.message == (
        'Budget "month" is held by requests under way: 300.00 spent and 150.00 reserved of 500.00 per month, '
        "and this request can cost 60.00."
    )


def test_no_time_makes_a_model_without_a_price_fit():
    verdict = ask(worst=None)
    assert verdict.retry_seconds is None
    assert "add one to the prices of the Gateway" in verdict.message


def test_what_is_allowed_need_not_be_tried_again():
    verdict = ask(spent=412)
    assert verdict.retry_seconds is None
    assert verdict.message == 'Budget "month": 412.00 of 500.00 per month spent.'


figures = st.integers(0, 1000)


@given(figures, figures, figures)
def test_a_hard_budget_is_never_exceeded_by_what_it_allows(spent, reserved, worst):
    allowed = ask(spent=spent, reserved=reserved, worst=worst).allowed
    assert allowed == (spent + reserved + worst <= 500)
