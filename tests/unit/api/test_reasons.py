"""The registry of reasons."""

from __future__ import annotations

import re

from paceline.api import reasons
from paceline.api.conditions import TYPES


def test_every_reason_is_registered_once_and_explained():
    assert len(reasons.BY_NAME) == len(reasons.ALL) > 20
    for reason in reasons.ALL:
        assert re.fullmatch(r"[A-Z][A-Za-z]+", reason.name)
        assert reason.meaning.endswith(".")
        assert reason.shows


def test_whatever_is_wrong_has_a_remedy():
    waiting = {"RolloutInProgress", "RolledOut"}
    for reason in reasons.ALL:
        wrong = any(status == "False" for _, status in reason.shows)
        assert reason.remedy.endswith(".") or not wrong or reason.name in waiting, reason.name


def test_every_type_can_be_true_false_and_unknown():
    pairs = {pair for reason in reasons.ALL for pair in reason.shows}
    for kind in TYPES:
        assert {status for shown, status in pairs if shown == kind} == {"True", "False", "Unknown"}


def test_what_needs_a_person_is_a_warning():
    assert reasons.event_type("ImagePullFailed") == "Warning"
    assert reasons.event_type("Answering") == "Normal"
    assert reasons.event_type("EngineStarting") == "Normal"
    assert reasons.event_type("SomethingElse") == "Warning"
