"""Conditions of Consumers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from paceline.api import consumer_reasons as reasons
from paceline.api.conditions import TYPES
from paceline.api.consumer_status import ConsumerStatus
from paceline.decide.consumer_health import Account, Gate, Remark, assess, refused, status_of
from paceline.decide.expenses import Use, shown
from paceline.errors import Stalled
from tests.support import consumers

SERVED = (Gate("ml/public", served=True),)
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def told(
    *remarks: Remark, gates: tuple[Gate, ...] = SERVED, problem: Stalled | None = None, **spec: Any
) -> dict[str, tuple[str, str, str]]:
    conditions = assess(consumers.consumer(spec), remarks, gates, problem)
    assert [each.type for each in conditions] == list(TYPES["Consumer"])
    for each in conditions:
        known = reasons.BY_NAME.get(each.reason)
        assert known is None or (each.type, each.status) in known.shows, each
    return {each.type: (each.status, each.reason, each.message) for each in conditions}


def test_a_consumer_that_every_gateway_has_is_ready():
    said = told(credentials=[consumers.key()])
    assert [each[:2] for each in said.values()] == [
        ("True", "Programmed"), ("True", "Accepted"), ("True", "NoBudget"),
    ]  # fmt: skip


def test_how_many_gateways_answer_is_said():
    assert told()["Ready"][2] == "Its Gateway answers it."
    assert told(gates=(*SERVED, Gate("ml/inner", served=True)))["Ready"][2] == "All 2 Gateways answer it."


def test_where_a_generated_key_is_is_said():
    assert told()["Accepted"][:2] == ("True", "KeyGenerated")
    assert "Secret site-key" in told()["Accepted"][2]


def test_a_gateway_that_has_not_got_it_yet_is_named():
    said = told(gates=(*SERVED, Gate("ml/inner", served=False)))["Ready"]
    assert said[:2] == ("False", "AwaitingAgent")
    assert said[2].startswith("1 of 2 Gateways have it; not ml/inner.")
    assert told(gates=())["Ready"][:2] == ("False", "AwaitingAgent")


def test_a_suspended_consumer_is_as_it_was_asked_for():
    assert told(suspended=True)["Ready"][:2] == ("True", "Suspended")


def test_what_stops_the_spec_stops_all():
    remarks = [
        Remark(reasons.GATEWAY_MISSING, "There is no Gateway ml/a."),
        Remark(reasons.GATEWAY_MISSING, "There is no Gateway ml/b."),
        Remark(reasons.SECRET_MISSING, "Credential k1 is not there."),
    ]
    said = told(*remarks)
    assert said["Accepted"][:2] == said["Ready"][:2] == ("False", "GatewayMissing")
    assert "ml/a. There is no Gateway ml/b." in said["Accepted"][2]


def test_a_credential_that_is_not_there_is_said_of_ready_alone():
    said = told(Remark(reasons.SECRET_MISSING, "Credential k1 is not there."), credentials=[consumers.key()])
    assert said["Ready"][:2] == ("False", "SecretMissing")
    assert said["Accepted"][0] == "True"


def test_what_is_only_worth_knowing_is_said_while_all_is_well():
    said = told(Remark(reasons.NO_SUCH_MODEL, "spec.models: x* fits no model."))
    assert said["Accepted"][:2] == ("True", "NoSuchModel")
    assert said["Ready"][0] == "True"


def test_a_key_that_cannot_be_made_is_said():
    said = told(problem=Stalled("ApplyRefused", "forbidden"))
    assert said["Accepted"] == said["Ready"] == ("False", "ApplyRefused", "forbidden")


def within(*uses: Use, asked: bool = True, answers: bool = True, status: Any = None) -> tuple[str, str, str]:
    spec = {"budgets": [consumers.budget(), consumers.budget("day", amount="10")]}
    found = consumers.consumer(spec, status)
    account = Account(asked, answers, shown(found.spec.budgets, uses, None, NOW))
    (said,) = (one for one in assess(found, [], SERVED, None, account) if one.type == "WithinBudget")
    assert (said.type, said.status) in reasons.BY_NAME[said.reason].shows
    return said.status, said.reason, said.message


def uses(month: int, day: int) -> tuple[Use, Use]:
    return Use("month", month * 1_000_000, "2026-11-30T23:00:00Z"), Use("day", day * 1_000_000, "2026-11-27T23:00:00Z")


def test_of_budgets_only_the_ledger_knows():
    assert told(budgets=[consumers.budget()])["WithinBudget"][:2] == ("Unknown", "LedgerUnreachable")
    assert within(*uses(1, 1), answers=False) == (
        "Unknown",
        "LedgerUnreachable",
        f"The ledger does not answer. {reasons.LEDGER_UNREACHABLE.remedy}",
    )
    assert within(uses(1, 1)[0])[:2] == ("Unknown", "NotYetObserved")
    assert "budget day yet" in within(uses(1, 1)[0])[2]


def test_the_fullest_budget_is_told_with_its_figures():
    assert within(*uses(100, 1)) == (
        "True",
        "WithinBudget",
        "Budget month: 100.00 of 500.00 spent; its period ends at 2026-11-30T23:00:00Z.",
    )
    assert within(*uses(100, 8))[:2] == ("True", "BudgetNearlyExhausted")
    assert within(*uses(100, 8))[2].startswith("Budget day: 8.00 of 10.00 spent;")
    assert within(*uses(500, 1))[:2] == ("False", "BudgetExhausted")


def test_a_new_leader_keeps_what_was_said_until_it_has_asked():
    condition = {"type": "WithinBudget", "status": "False", "reason": "BudgetExhausted", "message": "spent"}
    known = {"conditions": [condition | {"observedGeneration": 2, "lastTransitionTime": "2026-11-27T00:00:00Z"}]}
    assert within(asked=False, answers=False, status=known) == ("False", "BudgetExhausted", "spent")
    for more in ({"observedGeneration": 1}, {"status": "Unknown"}, {"type": "Ready"}):
        other = {"conditions": [known["conditions"][0] | more]}
        assert within(asked=False, answers=False, status=other)[:2] == ("Unknown", "LedgerUnreachable")


def test_the_status_shows_what_the_fullest_budget_has_spent():
    found = consumers.consumer({"budgets": [consumers.budget(), consumers.budget("day", amount="10", period="Day")]})
    figures = shown(found.spec.budgets, uses(100, 8), None, NOW)
    status = status_of(2, assess(found, [], SERVED), None, NOW, found, figures)
    assert status["display"] == {"spent": "8.00", "budget": "10.00/Day"}
    assert [each["name"] for each in status["budgets"]] == ["month", "day"]
    assert status["observedTime"] == "2026-11-27T00:00:00Z"
    ConsumerStatus.model_validate(status)


def test_a_spec_that_cannot_be_read_is_said_and_nothing_else_is_known():
    conditions = {each.type: each for each in refused(3, Stalled("InvalidSpec", "spec.priority is 12."))}
    assert conditions["Ready"].reason == conditions["Accepted"].reason == "InvalidSpec"
    assert conditions["WithinBudget"].status == "Unknown"


def test_the_status_does_not_move_where_nothing_changed():
    conditions = assess(consumers.consumer(), [], SERVED)
    first = status_of(2, conditions, None, NOW)
    assert status_of(2, conditions, first, datetime(2027, 1, 1, tzinfo=UTC)) == first
    assert first["observedGeneration"] == 2
