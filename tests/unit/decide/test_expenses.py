"""What a status shows of budgets, and how seldom it moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from paceline.decide.expenses import NOTHING, Shown, Use, fullest, news, shown, step
from tests.support import consumers

NOW = datetime(2026, 11, 27, tzinfo=UTC)
SOON, LATER = NOW + timedelta(minutes=4), NOW + timedelta(minutes=5)
ENDS = "2026-11-30T23:00:00Z"
MILLION = 1_000_000


def budgets(*given: dict[str, Any]) -> Any:
    return consumers.consumer({"budgets": list(given or [consumers.budget()])}).spec.budgets


def use(units: float, name: str = "month", ends: str = ENDS) -> Use:
    return Use(name, round(units * MILLION), ends)


def status(found: Shown) -> dict[str, Any]:
    return {"budgets": [dict(each) for each in found.budgets], "observedTime": found.observed}


def after(first: float, then: Use, when: datetime) -> bool:
    """Whether the status moves."""
    before = shown(budgets(), [use(first)], None, NOW)
    found = shown(budgets(), [then], status(before), when)
    assert found == before or found.observed == when.strftime("%Y-%m-%dT%H:%M:%SZ")
    return found != before


def test_spent_remaining_and_the_end_of_the_period_are_shown():
    found = shown(budgets(), [use(412.1)], None, NOW)
    assert found.budgets == ({"name": "month", "spent": "412.10", "remaining": "87.90", "periodEnds": ENDS},)
    assert found.observed == "2026-11-27T00:00:00Z"


def test_what_is_overspent_leaves_nothing():
    assert shown(budgets(), [use(512)], None, NOW).budgets[0]["remaining"] == "0.00"


@pytest.mark.parametrize(
    ("then", "when", "moves"),
    [
        (use(100), LATER, False),
        (use(101), SOON, False),
        (use(101), LATER, True),
        (use(399.99), SOON, False),
        (use(400), SOON, True),
        (use(0, ends="2026-12-31T23:00:00Z"), SOON, True),
    ],
)
def test_figures_move_each_five_minutes_and_at_once_at_a_step(then, when, moves):
    assert after(100, then, when) is moves


@pytest.mark.parametrize(
    ("first", "then", "moves"), [(400, 449, False), (400, 450, True), (450, 500, True), (500, 600, False)]
)
def test_each_step_is_told_once(first, then, moves):
    assert after(first, use(then), SOON) is moves


def test_another_amount_is_shown_at_once():
    before = shown(budgets(), [use(100)], None, NOW)
    found = shown(budgets(consumers.budget(amount="600")), [use(100)], status(before), SOON)
    assert found.budgets[0]["remaining"] == "500.00"


def test_while_nobody_says_anything_what_was_shown_stays():
    before = shown(budgets(), [use(100)], None, NOW)
    assert shown(budgets(), None, status(before), LATER) == before
    assert shown(budgets(consumers.budget("day")), None, status(before), LATER) == NOTHING


def test_a_budget_that_the_ledger_does_not_know_is_not_shown():
    assert shown(budgets(), [], None, NOW) == NOTHING
    assert shown(budgets(), [use(1, "other")], None, NOW) == NOTHING


@pytest.mark.parametrize(
    "forged",
    [
        7,
        {"budgets": "x"},
        {"budgets": [7]},
        {"budgets": [{"name": "month"}]},
        {"budgets": [{"name": "month", "spent": "x", "remaining": "1", "periodEnds": ENDS}]},
        {"budgets": [{"name": "month", "spent": "1", "remaining": "1", "periodEnds": 7}]},
        {"observedTime": 7},
    ],
)
def test_a_forged_status_is_written_over(forged):
    assert shown(budgets(), [use(1)], forged, NOW) == shown(budgets(), [use(1)], None, NOW)


@pytest.mark.parametrize(("spent", "found"), [(0, 0), (79, 0), (80, 80), (90, 90), (99, 90), (100, 100), (500, 100)])
def test_steps(spent, found):
    assert step(spent, 100) == found


def test_a_budget_of_nothing_is_spent_from_the_start():
    assert step(0, 0) == 100


def test_of_several_the_one_that_is_most_used_up_is_found():
    known = budgets(consumers.budget(), consumers.budget("day", amount="10"), consumers.budget("none", amount="0"))
    found = shown(known[:2], [use(100), use(9, "day")], None, NOW)
    assert (fullest(known, found.budgets) or (None,))[0] == known[1]
    every = shown(known, [use(100), use(9, "day"), use(0, "none")], None, NOW)
    assert (fullest(known, every.budgets) or (None,))[0] == known[2]
    assert fullest(known, ()) is None


def test_news_are_steps_and_ends_of_periods():
    assert not news(budgets(), [use(1)], [use(2)])
    assert news(budgets(), [use(399)], [use(400)])
    assert news(budgets(), [use(1)], [use(0, ends="2026-12-31T23:00:00Z")])
    assert news(budgets(), [], [use(1)])
    assert not news(budgets(), [], [use(1, "other")])
