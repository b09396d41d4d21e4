"""What holds of agents after a start of the operator, until they have said it again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from paceline.decide.gateway_health import Report
from paceline.decide.observation import PodView
from paceline.kube.resources import Key
from paceline.reconcile.remembered import Remembered
from tests.support.worlds import Clock

PUBLIC = Key("ml", "public")
POD = PodView("public-a", "0a", "", ready=True)


def status(programmed: str = "True", credentials: str = "True", **rest: Any) -> dict[str, Any]:
    conditions = [
        {"type": "Programmed", "status": programmed},
        {"type": "CredentialsResolved", "status": credentials},
    ]
    return {"conditions": conditions, "generationServed": 4, **rest}


def test_pods_that_are_ready_have_what_all_had() -> None:
    pods = [POD, replace(POD, name="public-b", ready=False)]
    assert Remembered(Clock()).reports(PUBLIC, status(), pods) == {"public-a": Report(4)}


def test_it_holds_until_each_agent_has_repeated_its_report() -> None:
    clock = Clock()
    made = Remembered(clock)
    assert made.reports(PUBLIC, status(), [POD])
    clock.forward(14)
    assert made.reports(PUBLIC, status(), [POD])
    clock.forward(1)
    assert not made.reports(PUBLIC, status(), [POD])


def test_of_what_was_not_well_nothing_is_remembered() -> None:
    for said in (status("False"), status(credentials="False"), status(generationServed=None), {}):
        assert not Remembered(Clock()).reports(PUBLIC, said, [POD])


def test_what_this_process_says_itself_is_no_memory() -> None:
    made = Remembered(Clock())
    assert not made.reports(PUBLIC, {}, [POD])
    assert not made.reports(PUBLIC, status(), [POD])
    made.forget(PUBLIC)
    assert made.reports(PUBLIC, status(), [POD])
