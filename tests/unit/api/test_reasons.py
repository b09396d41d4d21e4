"""The registries of reasons."""

from __future__ import annotations

import re

import pytest

from paceline.api import reasons
from paceline.api.conditions import TYPES
from paceline.api.reason import event_type
from tests.support.reasons import EVERY

each_kind = pytest.mark.parametrize("kind", EVERY)


def test_every_kind_has_reasons():
    assert EVERY.keys() == TYPES.keys()


@each_kind
def test_every_reason_is_registered_once_and_explained(kind):
    assert len({reason.name for reason in EVERY[kind]}) == len(EVERY[kind]) > 10
    for reason in EVERY[kind]:
        assert re.fullmatch(r"[A-Z][A-Za-z]+", reason.name)
        assert reason.meaning.endswith(".")
        assert reason.shows


@each_kind
def test_whatever_is_wrong_has_a_remedy(kind):
    waiting = {"RolloutInProgress", "RolledOut"}
    for reason in EVERY[kind]:
        wrong = any(status == "False" for _, status in reason.shows)
        assert reason.remedy.endswith(".") or not wrong or reason.name in waiting, reason.name


@each_kind
def test_every_type_of_the_kind_and_no_other_can_be_true_false_and_unknown(kind):
    pairs = {pair for reason in EVERY[kind] for pair in reason.shows}
    assert pairs == {(shown, status) for shown in TYPES[kind] for status in ("True", "False", "Unknown")}


def test_a_reason_of_that_name_is_found_by_it():
    assert reasons.BY_NAME["Answering"] is reasons.ANSWERING
    assert len(reasons.BY_NAME) == len(reasons.ALL)


def test_what_needs_a_person_is_a_warning():
    assert event_type(reasons.BY_NAME, "ImagePullFailed") == "Warning"
    assert event_type(reasons.BY_NAME, "Answering") == "Normal"
    assert event_type(reasons.BY_NAME, "EngineStarting") == "Normal"
    assert event_type(reasons.BY_NAME, "SomethingElse") == "Warning"
