"""Whether users meet the objective, and what is said where nobody can tell."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.api.conditions import Condition
from paceline.decide.front import Front, Met
from paceline.decide.health import assess, refused
from paceline.decide.objective import judge
from paceline.errors import Stalled
from tests.support import models
from tests.support.models import NOW, pod, seen

URL = "http://public-gateway.ml.svc:8080/v1"


def met(good: int, eligible: int = 1000) -> Front:
    return Front(url=URL, met=Met(NOW, eligible, good))


def verdict(front: Front, slo: dict[str, Any] | None = None, status: Any = None) -> tuple[str, str, str]:
    """Status, reason and message of SLOMet."""
    given = {"ttftMilliseconds": 500, "tpotMilliseconds": 50} | (slo or {})
    md = models.model({"slo": given}, status=status)
    found = assess(md, models.plan(md), seen(pod(), front=front), NOW).condition("SLOMet")
    return found.status, found.reason, found.message


@pytest.mark.parametrize(
    ("good", "asked", "says"),
    [
        (990, 99, ("True", "ObjectiveMet")),
        (989, 99, ("False", "ObjectiveMissed")),
        (995, "99.5", ("True", "ObjectiveMet")),
        (999, "99.900001", ("False", "ObjectiveMissed")),
        (1000, "99.999999", ("True", "ObjectiveMet")),
    ],
)
def test_it_is_met_by_as_many_requests_as_are_asked_for(good: int, asked: Any, says: tuple[str, str]) -> None:
    assert verdict(met(good), {"objectivePercent": asked})[:2] == says


@pytest.mark.parametrize(("requests", "reason"), [(0, "TooFewRequests"), (99, "TooFewRequests"), (100, "ObjectiveMet")])
def test_few_requests_say_nothing(requests: int, reason: str) -> None:
    assert verdict(met(requests, requests))[1] == reason


def test_words_name_what_is_asked_for_and_no_figure_that_moves() -> None:
    assert verdict(met(989))[2] == verdict(met(12))[2]
    assert (
        "objectivePercent 99 of the requests are to meet ttftMilliseconds 500 and tpotMilliseconds 50"
        in verdict(met(989))[2]
    )
    assert "to meet tpotMilliseconds 50:" in verdict(met(989), {"ttftMilliseconds": None})[2]


def test_without_a_gateway_nobody_counts() -> None:
    assert verdict(Front())[:2] == ("Unknown", "NoGateway")


def test_a_ledger_that_is_silent_for_long_leaves_it_open() -> None:
    assert verdict(Front(url=URL, met=Met(NOW, 1000, 1000), lost=True))[:2] == ("Unknown", "LedgerUnreachable")


def test_without_an_objective_there_is_none_whatever_is_counted() -> None:
    assert judge(None, met(1))[1].name == "NoObjective"  # type: ignore[index]


@pytest.mark.parametrize("front", [Front(known=False), Front(known=False, url=URL), Front(url=URL)])
def test_what_was_said_is_said_on_while_nothing_newer_is_known(front: Front) -> None:
    before = {"type": "SLOMet", "status": "False", "reason": "ObjectiveMissed", "message": "fewer did"}
    assert verdict(front, status={"conditions": [before]}) == ("False", "ObjectiveMissed", "fewer did")
    assert verdict(front)[:2] == ("Unknown", "NotYetObserved")


def test_a_spec_that_cannot_be_read_changes_nothing_of_it() -> None:
    before = (Condition("SLOMet", "True", "ObjectiveMet", "that many did", 2),)
    assert refused(7, before, Stalled("InvalidSpec", "no model")).condition("SLOMet").reason == "ObjectiveMet"
