"""Is a Consumer answered as its spec says? Conditions and status from what its Gateways do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from paceline.api import consumer_reasons as reasons
from paceline.api import money
from paceline.api.conditions import (
    ACCEPTED,
    READY,
    TYPES,
    WITHIN_BUDGET,
    Condition,
    ConditionType,
    Status,
    merge,
)
from paceline.api.consumer import KIND, Consumer
from paceline.api.names import consumer_secret
from paceline.api.reason import Reason
from paceline.decide.expenses import NOTHING, Shown, fullest, step
from paceline.errors import PacelineError

#: Percent of a budget from which on it is used up.
_FULL = 100


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said of a Consumer, by its Gateways or by itself."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A Gateway that a Consumer names and that takes it.

    Attributes:
        name: namespace/name.
        served: All of its pods have the Consumer as it is now.
    """

    name: str
    served: bool


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of a Consumer's budgets.

    Attributes:
        asked: The ledger was asked since this process began to decide.
        answers: It answers.
        shown: What the status shows.
    """

    asked: bool = False
    answers: bool = False
    shown: Shown = NOTHING


UNASKED = Account()


def assess(
    consumer: Consumer,
    remarks: Iterable[Remark],
    gates: Iterable[Gate],
    problem: PacelineError | None = None,
    account: Account = UNASKED,
) -> tuple[Condition, ...]:
    """Conditions of a Consumer, one of each type.

    Args:
        consumer: What is asked.
        remarks: In order; of those with one reason all are told.
        gates: Its Gateways.
        problem: Why its key could not be made; None where it was.
        account: How its budgets stand.
    """
    told = list(remarks)
    accepted = _acceptance(consumer, told, problem)
    verdicts = {
        READY: _readiness(consumer, told, list(gates), accepted),
        ACCEPTED: accepted,
        WITHIN_BUDGET: _budget(consumer, account),
    }
    return _conditions(consumer.generation, verdicts)


def refused(generation: int, problem: PacelineError) -> tuple[Condition, ...]:
    """Conditions of an object whose spec cannot even be read."""
    unknown = _Verdict.of("Unknown", reasons.NOT_YET_OBSERVED, "It is not known yet what it asks for.")
    stopped = _Verdict("False", problem.reason, problem.message)
    verdicts = {kind: stopped if kind in (READY, ACCEPTED) else unknown for kind in TYPES[KIND]}
    return _conditions(generation, verdicts)


def status_of(
    generation: int,
    conditions: Iterable[Condition],
    previous: Mapping[str, Any] | None,
    now: datetime,
    consumer: Consumer | None = None,
    shown: Shown = NOTHING,
) -> dict[str, Any]:
    """The whole status. Equal to `previous` where nothing is to be said.

    Args:
        generation: That it is about.
        conditions: What `assess` made.
        previous: The status so far.
        now: With a time zone.
        consumer: Where it can be read.
        shown: What is told of its budgets.
    """
    status: dict[str, Any] = {"conditions": merge(previous, conditions, now), "observedGeneration": generation}
    most = fullest(consumer.spec.budgets, shown.budgets) if consumer else None
    if most is not None:
        budget, entry = most
        amount = money.text(money.parse(budget.amount))
        status["display"] = {"spent": entry["spent"], "budget": f"{amount}/{budget.period}"}
        status["budgets"] = [dict(each) for each in shown.budgets]
        status["observedTime"] = shown.observed
    return status


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: Status
    reason: str
    message: str

    @classmethod
    def of(cls, status: Status, reason: Reason, message: str) -> _Verdict:
        return cls(status, reason.name, " ".join(filter(None, (message, reason.remedy))))


def _conditions(generation: int, verdicts: Mapping[ConditionType, _Verdict]) -> tuple[Condition, ...]:
    return tuple(Condition(kind, one.status, one.reason, one.message, generation) for kind, one in verdicts.items())


def _acceptance(consumer: Consumer, told: list[Remark], problem: PacelineError | None) -> _Verdict:
    if problem is not None:
        return _Verdict("False", problem.reason, problem.message)
    for status in ("False", "True"):
        if found := _said(told, ACCEPTED, status):
            return found
    if not consumer.spec.credentials:
        words = f"The key is in Secret {consumer_secret(consumer.name)}."
        return _Verdict.of("True", reasons.KEY_GENERATED, words)
    return _Verdict.of("True", reasons.ACCEPTED_AS_WRITTEN, "The spec is understood.")


def _readiness(consumer: Consumer, told: list[Remark], gates: list[Gate], accepted: _Verdict) -> _Verdict:
    if accepted.status == "False":
        return accepted
    if found := _said(told, READY, "False"):
        return found
    behind = sorted(gate.name for gate in gates if not gate.served)
    if behind or not gates:
        where = behind[0] if behind else "none"
        words = f"{len(gates) - len(behind)} of {len(gates)} Gateways have it; not {where}."
        return _Verdict.of("False", reasons.AWAITING_AGENT, words)
    if consumer.spec.suspended:
        return _Verdict.of("True", reasons.SUSPENDED, "spec.suspended is true: every request is refused.")
    words = "Its Gateway answers it." if len(gates) == 1 else f"All {len(gates)} Gateways answer it."
    return _Verdict.of("True", reasons.PROGRAMMED_AS_WRITTEN, words)


def _budget(consumer: Consumer, account: Account) -> _Verdict:
    """Its words have the figures that are shown, so that they move no oftener."""
    spec = consumer.spec
    if not spec.budgets:
        return _Verdict.of("True", reasons.NO_BUDGET, "Usage is counted and not bounded.")
    most = fullest(spec.budgets, account.shown.budgets)
    missing = sorted({each.name for each in spec.budgets} - {each["name"] for each in account.shown.budgets})
    if most is None or missing or not account.answers:
        return _unknown(consumer, account, missing)
    budget, entry = most
    reached = step(money.parse(entry["spent"]), money.parse(budget.amount))
    words = (
        f"Budget {budget.name}: {entry['spent']} of {money.text(money.parse(budget.amount))} spent; "
        f"its period ends at {entry['periodEnds']}."
    )
    if reached >= _FULL:
        return _Verdict.of("False", reasons.BUDGET_EXHAUSTED, words)
    if reached:
        return _Verdict.of("True", reasons.BUDGET_NEARLY_EXHAUSTED, words)
    return _Verdict.of("True", reasons.WITHIN, words)


def _unknown(consumer: Consumer, account: Account, missing: list[str]) -> _Verdict:
    """Where there is a budget only the ledger knows; what it said to the leader before holds until it is asked."""
    if account.answers:
        words = f"The ledger does not know budget {', '.join(missing)} yet."
        return _Verdict.of("Unknown", reasons.NOT_YET_OBSERVED, words)
    if account.asked:
        return _Verdict.of("Unknown", reasons.LEDGER_UNREACHABLE, "The ledger does not answer.")
    for known in consumer.conditions:
        mine = known.type == WITHIN_BUDGET and known.observed_generation == consumer.generation
        if mine and known.status != "Unknown":
            return _Verdict(known.status, known.reason, known.message)
    return _Verdict.of("Unknown", reasons.LEDGER_UNREACHABLE, "The ledger has not been asked yet.")


def _said(told: list[Remark], kind: ConditionType, status: Status) -> _Verdict | None:
    """The first remark's reason that says that of a condition, with the words of all that have it."""
    fitting = [each for each in told if (kind, status) in each.reason.shows]
    if not fitting:
        return None
    alike = [each.message for each in fitting if each.reason is fitting[0].reason]
    return _Verdict.of(status, fitting[0].reason, " ".join(dict.fromkeys(alike)))
