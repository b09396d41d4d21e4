"""Hard budgets: reserved beforehand, settled by records, given back when nothing came."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from paceline.api.record import Outcome, Purpose, UsageSource
from paceline.decide.pricing import Price, PriceBook
from paceline.ledger.accounts import standings
from paceline.ledger.balance import differences
from paceline.ledger.reservations import SILENT_US, SLACK_US, expire, reserve, retire
from tests.support.ledger import COST, DAY, NOW, PRICE, SECOND, UNIT, ask, budget, send
from tests.support.records import MONDAY, record

#: By this time the usual request must be over and recorded.
DEADLINE = NOW + 600 * SECOND + SLACK_US


def stands(store, *budgets, now_us=NOW, consumer="shop/acme"):
    """Spent and reserved of the first budget."""
    standing = next(iter(standings(store, consumer, budgets or [budget()], now_us).values()))
    return standing.spent, standing.reserved


def test_what_a_request_can_cost_is_reserved_and_then_what_it_cost_is_spent(store):
    assert reserve(store, ask(worst=5000), NOW).allowed
    assert stands(store) == (0, 5000)
    send(store, record())
    assert stands(store) == (COST, 0)
    assert not differences(store, 0)


def test_asking_twice_for_one_request_reserves_once(store):
    tight = budget(amount=5000)
    for _ in range(3):
        assert reserve(store, ask(worst=5000, budgets=[tight]), NOW).allowed
    assert stands(store) == (0, 5000)


def test_a_refused_request_reserves_nothing(store):
    tight = budget(amount=9999)
    assert reserve(store, ask("r1", budgets=[tight]), NOW).allowed
    verdict = reserve(store, ask("r2", budgets=[tight]), NOW)
    assert (verdict.allowed, verdict.reason, verdict.retry_seconds) == (False, "BudgetReserved", 1)
    assert stands(store) == (0, 5000)


@pytest.mark.parametrize("order", [1, -1])
def test_all_budgets_must_allow_and_one_that_does_not_keeps_the_others_untouched(store, order):
    day, month = budget("day", amount=4999, period="Day"), budget("month")
    verdict = reserve(store, ask(budgets=[month, day][::order]), NOW)
    assert verdict.reason == "BudgetExhausted"
    assert 'Budget "day"' in verdict.message
    assert stands(store, month) == stands(store, day) == (0, 0)


def test_a_request_holds_all_hard_budgets_and_no_soft_one(store):
    budgets = [budget("day", period="Day"), budget("month"), budget("week", period="Week", mode="Soft")]
    assert reserve(store, ask(budgets=budgets), NOW).allowed
    assert [stands(store, each) for each in budgets] == [(0, 5000), (0, 5000), (0, 0)]
    send(store, record())
    assert [stands(store, each) for each in budgets] == [(COST, 0)] * 3


def test_a_soft_budget_that_is_used_up_refuses_too(store):
    send(store, record())
    verdict = reserve(store, ask("r2", budgets=[budget(), budget("small", amount=COST, mode="Soft")]), NOW)
    assert verdict.reason == "BudgetExhausted"
    assert 'Budget "small"' in verdict.message


def test_soft_budgets_alone_reserve_nothing(store):
    assert reserve(store, ask(budgets=[budget(mode="Soft")]), NOW).allowed
    assert stands(store) == (0, 0)


def test_without_budgets_everything_is_allowed(store):
    assert reserve(store, ask(budgets=[]), NOW).allowed


def test_a_model_without_a_price_is_refused_to_hard_budgets(store):
    assert reserve(store, ask(worst=None), NOW).reason == "Unpriced"
    assert reserve(store, ask(worst=None, budgets=[budget(mode="Soft")]), NOW).allowed


def test_budgets_of_one_period_and_zone_share_what_is_spent(store):
    low, high = budget("low", amount=6000), budget("high", amount=9000)
    assert reserve(store, ask("r1", budgets=[low, high]), NOW).allowed
    assert stands(store, low) == stands(store, high) == (0, 5000)
    assert 'Budget "low"' in reserve(store, ask("r2", worst=2000, budgets=[high, low]), NOW).message


def test_budgets_of_other_zones_have_other_days(store):
    """At 10 o'clock in London it is night in Los Angeles, and evening in Tokyo."""
    send(store, record(), record(id="2", started_us=MONDAY - 4 * 3600 * SECOND))
    send(store, record(id="3", started_us=MONDAY + 6 * 3600 * SECOND), log="b")
    days = [budget(name, period="Day", zone=ZoneInfo(name)) for name in ("America/Los_Angeles", "Asia/Tokyo")]
    told = standings(store, "shop/acme", days, NOW)
    assert [told[each.name].spent for each in days] == [2 * COST, 2 * COST]
    assert len({each.span for each in told.values()}) == 2
    reserve(store, ask(budgets=days[:1]), NOW)
    assert [stands(store, each)[1] for each in days] == [5000, 0]


def test_a_renamed_or_enlarged_budget_keeps_what_is_spent(store):
    reserve(store, ask(), NOW)
    send(store, record())
    assert stands(store, budget("renamed", amount=1)) == (COST, 0)


@pytest.mark.parametrize("period", ["Day", "Week", "Month"])
def test_a_budget_that_comes_later_knows_what_was_spent_before(store, period):
    send(store, record(), record(id="r2.1", started_us=MONDAY - 15 * 60 * SECOND))
    send(store, record(id="old.1", started_us=MONDAY - 4 * DAY), log="b")
    assert stands(store, budget(period=period)) == (2 * COST, 0)
    assert not differences(store, 0)


def test_a_budget_starts_anew_with_its_period(store):
    tight = budget(amount=5000, period="Day")
    assert reserve(store, ask("r1", budgets=[tight]), NOW).allowed
    assert not reserve(store, ask("r2", budgets=[tight]), NOW).allowed
    assert reserve(store, ask("r2", budgets=[tight]), NOW + DAY).allowed
    # A clock that is set back finds the day before as it was.
    assert not reserve(store, ask("r3", budgets=[tight]), NOW).allowed


def test_a_request_at_midnight_is_settled_in_the_period_that_it_was_reserved_in(store):
    """Its record says by the gateway's clock that it came a second later, after midnight."""
    midnight = MONDAY + 13 * 3600 * SECOND
    day = budget(period="Day")
    assert reserve(store, ask(budgets=[day]), midnight - SECOND // 2).allowed
    standings(store, "shop/acme", [day], midnight)
    send(store, record(started_us=midnight + SECOND // 2), now_us=midnight + DAY // 2)
    assert stands(store, day, now_us=midnight - 1) == (COST, 0)
    assert stands(store, day, now_us=midnight) == (0, 0)
    assert not differences(store, 0)


def test_a_reserved_request_is_priced_by_the_time_of_its_reservation(store):
    dearer = Price("new", "support-llm", 9_000_000, 9_000_000, 9_000_000, effective_us=NOW)
    books = {"platform/public": PriceBook([PRICE, dearer])}
    reserve(store, ask(), NOW - 1)
    send(store, record(started_us=NOW + 1), books=books)
    assert stands(store) == (COST, 0)


def test_each_attempt_takes_its_cost_and_the_last_one_gives_back_the_rest(store):
    reserve(store, ask(worst=5000), NOW)
    send(store, record(outcome=Outcome.FAILED, attempts=2))
    assert stands(store) == (COST, 4000)
    send(store, record(id="r1.2", attempt=2, attempts=2), log="b")
    assert stands(store) == (2 * COST, 0)
    assert not differences(store, 0)


def test_attempts_of_one_batch_settle_together(store):
    reserve(store, ask(worst=5000, budgets=[budget(), budget("day", period="Day")]), NOW)
    receipt = send(store, record(id="r1.2", attempt=2, attempts=2), record(outcome=Outcome.FAILED, attempts=2))
    assert receipt.overruns == ()
    assert stands(store) == stands(store, budget(period="Day")) == (2 * COST, 0)


def test_a_request_that_the_gateway_answered_itself_gives_everything_back(store):
    reserve(store, ask(), NOW)
    refused = record(attempt=0, attempts=0, outcome=Outcome.SHED, input_tokens=0, cached_tokens=0, output_tokens=0)
    send(store, refused)
    assert stands(store) == (0, 0)


def test_the_copy_of_a_request_does_not_settle_it(store):
    reserve(store, ask(), NOW)
    send(store, record(id="copy.1", purpose=Purpose.MIRROR))
    assert stands(store) == (0, 5000)
    copy = record(id="copy.2", purpose=Purpose.MIRROR)
    send(store, copy, record(outcome=Outcome.FAILED, attempts=2), log="b")
    assert stands(store) == (COST, 4000)


def test_a_replay_does_not_settle_the_same_request_twice(store):
    reserve(store, ask("r1"), NOW)
    reserve(store, ask("r2"), NOW)
    send(store, record())
    send(store, record())
    assert stands(store) == (COST, 5000)


def test_a_request_that_costs_more_than_its_bound_is_told(store):
    reserve(store, ask(worst=COST - 1), NOW)
    receipt = send(store, record())
    assert receipt.overruns == ("r1",)
    assert stands(store) == (COST, 0)
    reserve(store, ask("r2", worst=COST), NOW)
    assert send(store, record(id="r2.1", request_id="r2"), log="b").overruns == ()


def test_spend_of_others_is_theirs(store):
    reserve(store, ask("r1"), NOW)
    reserve(store, ask("r2", consumer="shop/beta"), NOW)
    send(store, record(id="r2.1", request_id="r2", consumer="shop/beta"))
    assert stands(store) == (0, 5000)
    assert stands(store, consumer="shop/beta") == (COST, 0)


def test_a_reservation_leaks_when_its_gateway_has_sent_everything_up_to_its_deadline(store):
    reserve(store, ask(), NOW)
    send(store, start=0, complete_us=DEADLINE - 1)
    assert expire(store, DEADLINE) == 0
    send(store, start=0, complete_us=DEADLINE)
    assert expire(store, DEADLINE - 1) == 0
    assert expire(store, DEADLINE) == 1
    assert stands(store) == (0, 0)
    assert not differences(store, 0)


def test_while_a_gateways_records_wait_in_its_log_its_reservations_stay(store):
    """Or the budget would be given away a second time, and be exceeded when the records come."""
    tight = budget(amount=5000)
    reserve(store, ask(budgets=[tight]), NOW)
    assert expire(store, DEADLINE + SILENT_US - 1) == 0
    assert not reserve(store, ask("r2", budgets=[tight]), DEADLINE).allowed
    send(store, record(output_tokens=2000))
    assert stands(store) == (4800, 0)


def test_a_shipper_that_is_silent_for_an_hour_is_not_waited_for(store):
    reserve(store, ask(budgets=[budget(), budget("day", period="Day")]), NOW)
    assert expire(store, DEADLINE + SILENT_US) == 1
    assert stands(store) == stands(store, budget(period="Day")) == (0, 0)


def test_a_gateway_pod_that_is_gone_is_not_waited_for(store):
    reserve(store, ask(), NOW)
    retire(store, "pod-2", NOW)
    assert expire(store, DEADLINE) == 0
    retire(store, "pod-1", NOW)
    assert expire(store, DEADLINE) == 1


def test_what_a_shipper_said_before_is_not_taken_back(store):
    reserve(store, ask(), NOW)
    send(store, complete_us=DEADLINE)
    send(store, complete_us=DEADLINE - SECOND)
    assert expire(store, DEADLINE) == 1


def test_a_record_that_comes_after_its_reservation_was_given_up_is_spent_all_the_same(store):
    reserve(store, ask(), NOW)
    expire(store, DEADLINE + SILENT_US)
    assert send(store, record()).overruns == ()
    assert stands(store) == (COST, 0)


def test_standings_are_told_for_every_budget(store):
    send(store, record())
    budgets = [budget("day", period="Day"), budget("month", amount=UNIT)]
    told = standings(store, "shop/acme", budgets, NOW)
    assert {name: each.spent for name, each in told.items()} == {"day": COST, "month": COST}
    assert NOW in told["day"].span
    assert standings(store, "shop/acme", [], NOW) == {}


def test_an_answer_that_does_not_say_what_it_used_costs_what_was_reserved(store):
    nothing = {"usage_source": UsageSource.MISSING, "usage_complete": False, "input_tokens": 0, "cached_tokens": 0}
    assert reserve(store, ask(worst=5000), NOW).allowed
    send(store, record(**nothing, output_tokens=0))
    assert stands(store) == (5000, 0)
    assert not differences(store, 0)


def test_without_a_reservation_it_costs_nothing(store):
    standings(store, "shop/acme", [budget()], NOW)
    nothing = {"usage_source": UsageSource.MISSING, "usage_complete": False, "input_tokens": 0, "cached_tokens": 0}
    send(store, record(**nothing, output_tokens=0))
    assert stands(store) == (0, 0)
