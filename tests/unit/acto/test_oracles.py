"""Each oracle rings for what it is there for, and is silent for what is right."""

from __future__ import annotations

import copy

import pytest

from paceline.api.conditions import TYPES
from paceline.api.modeldeployment import KIND
from tests.acto import oracles
from tests.acto.cases import Case
from tests.acto.expectation import Expectation
from tests.acto.lists import NoEffect
from tests.acto.oracles import Answer, Sight
from tests.acto.seeds import seeds
from tests.acto.verdict import Violation

SPEC = next(seed.spec for seed in seeds() if seed.name == "custom")
PLACE = ("spec", "engine", "args")
PATH = "spec.engine.args"
WRONG = Violation(PLACE, "rule", "may not be x; use y")
REASONS = {
    "Ready": "NotProbed",
    "Available": "NotProbed",
    "Accepted": "Accepted",
    "ModelResolved": "Resolved",
    "Fits": "MemorySuffices",
    "Progressing": "RolledOut",
    "SLOMet": "ObjectiveMet",
}
CHILDREN = {"Deployment a": {"spec": {"replicas": 1}}}
CHANGED = {"Deployment a": {"spec": {"replicas": 2}}}


def case(expect=Expectation.VALID, *violations, spec=SPEC, reason="", path=PATH):
    return Case("custom", path, "a change", PLACE, spec, expect, violations, reason)


def condition(kind, **changes):
    usual = {
        "type": kind,
        "status": "False" if kind == "Progressing" else "True",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-11-24T12:00:00Z",
        "reason": REASONS[kind],
        "message": "All is well.",
    }
    return {**usual, **changes}


def sight(spec=SPEC, children=CHILDREN, settled=True, seconds=1.0, **conditions):
    every = [condition(kind, **conditions.get(kind, {})) for kind in TYPES[KIND]]
    model = {
        "metadata": {"generation": 1},
        "spec": copy.deepcopy(spec),
        "status": {"observedGeneration": 1, "conditions": every},
    }
    return Sight(model, copy.deepcopy(children), seconds, settled)


def with_args(*args):
    return {**SPEC, "engine": {**SPEC["engine"], "args": list(args)}}


def words(alarms):
    return " | ".join(str(alarm) for alarm in alarms)


REFUSED = {"status": "False", "reason": "InvalidSpec", "message": "spec.engine.args is wrong. Correct it."}


class TestAdmission:
    @pytest.mark.parametrize(
        ("expect", "violations", "status", "message", "says"),
        [
            (Expectation.REFUSED, (WRONG,), 200, "", "taken, though wrong"),
            (Expectation.VALID, (), 422, "spec.engine.args: no", "refused though nothing is wrong"),
            (Expectation.REFUSED, (WRONG,), 422, "may not be x; use y", "does not name"),
            (Expectation.REFUSED, (WRONG,), 422, "spec.engine.args: Invalid", "does not say"),
            (Expectation.VALID, (), 500, "panic", "the API server failed"),
            (Expectation.EITHER, (), 500, "panic", "the API server failed"),
        ],
        ids=["taken", "refused", "without a path", "without our words", "failure", "failure with either"],
    )
    def test_it_rings_for_what_is_wrong(self, expect, violations, status, message, says):
        answer = Answer(status, {"message": message})
        assert says in words(oracles.admission(case(expect, *violations), answer))

    def test_it_rings_for_a_rule_that_gives_no_remedy(self):
        silent = Violation(PLACE, "rule", "is bad")
        answer = Answer(422, {"message": "spec.engine.args: is bad"})
        assert "no remedy" in words(oracles.admission(case(Expectation.REFUSED, silent), answer))

    @pytest.mark.parametrize(
        ("expect", "violations", "answer"),
        [
            (Expectation.VALID, (), Answer(200, {})),
            (Expectation.REFUSED, (WRONG,), Answer(422, {"message": "spec.engine.args: may not be x; use y"})),
            (
                Expectation.REFUSED,
                (Violation(PLACE, "type"),),
                Answer(500, {"message": "failed to create typed patch object: .spec.engine.args: expected list"}),
            ),
            (Expectation.EITHER, (), Answer(422, {"message": "no"})),
        ],
        ids=["taken", "refused", "of another type", "either"],
    )
    def test_it_is_silent_for_what_is_right(self, expect, violations, answer):
        assert not list(oracles.admission(case(expect, *violations), answer))


class TestChild:
    def test_it_rings_where_nobody_refuses_what_is_wrong(self):
        assert "neither" in words(oracles.child(case(Expectation.REFUSED), Answer(200, {})))

    @pytest.mark.parametrize("expect", [Expectation.VALID, Expectation.TROUBLE])
    def test_it_rings_where_the_child_of_what_is_right_is_refused(self, expect):
        assert "refuses its Deployment" in words(oracles.child(case(expect), Answer(422, {"message": "no"})))

    def test_it_is_silent_where_what_is_right_is_taken_and_what_is_wrong_refused(self):
        assert not list(oracles.child(case(), Answer(200, {})))
        assert not list(oracles.child(case(Expectation.REFUSED), Answer(422, {"message": "no"})))


class TestNamed:
    def test_it_rings_where_no_condition_names_what_is_wrong(self):
        assert "no condition is False" in words(oracles.named_trouble(case(Expectation.REFUSED), sight(), sight()))

    def test_it_rings_for_another_reason_than_the_one_that_must_come(self):
        after = sight(Accepted=REFUSED)
        found = oracles.named_trouble(case(Expectation.REFUSED, reason="UnknownProfile"), sight(), after)
        assert "no condition is False with UnknownProfile" in words(found)

    def test_it_rings_where_it_took_too_long(self):
        after = sight(Accepted=REFUSED, seconds=11.0)
        assert "only after 11.0 s" in words(oracles.named_trouble(case(Expectation.REFUSED), sight(), after))

    def test_it_rings_where_the_message_names_no_field(self):
        after = sight(Accepted={**REFUSED, "message": "Something is wrong. Correct it."})
        assert "no message names" in words(oracles.named_trouble(case(Expectation.REFUSED), sight(), after))

    def test_it_rings_where_a_refused_change_reached_the_children(self):
        after = sight(Accepted=REFUSED, children=CHANGED)
        assert "children changed" in words(oracles.named_trouble(case(Expectation.REFUSED), sight(), after))

    @pytest.mark.parametrize("expect", [Expectation.REFUSED, Expectation.TROUBLE])
    def test_it_rings_where_what_served_serves_no_more(self, expect):
        after = sight(Accepted=REFUSED, Available={"status": "False", "reason": "NoCapacity"})
        assert "no longer serves" in words(oracles.named_trouble(case(expect), sight(), after))

    def test_it_is_silent_where_it_is_named_and_nothing_else_happened(self):
        after = sight(Accepted=REFUSED)
        assert not list(oracles.named_trouble(case(Expectation.REFUSED), sight(), after))
        assert not list(oracles.named_trouble(case(Expectation.VALID), sight(), sight()))


class TestVisible:
    def test_it_rings_where_no_child_shows_a_change(self):
        assert "no child shows it" in words(oracles.visible(case(), sight(), sight(with_args("--x")), ()))

    def test_it_rings_where_a_listed_field_has_an_effect(self):
        after = sight(with_args("--x"), CHANGED)
        assert "has an effect" in words(oracles.visible(case(), sight(), after, (NoEffect(PATH, "why"),)))

    def test_it_rings_where_the_same_meaning_changes_children(self):
        after = sight({**SPEC, "lifecycle": dict(SPEC["lifecycle"])}, CHANGED)
        assert "the spec means the same" in words(oracles.visible(case(), sight(), after, ()))

    def test_it_is_silent_where_a_child_shows_it_or_the_field_is_listed(self):
        other = with_args("--x")
        assert not list(oracles.visible(case(), sight(), sight(other, CHANGED), ()))
        assert not list(oracles.visible(case(), sight(), sight(other), (NoEffect(PATH, "why"),)))
        assert not list(oracles.visible(case(), sight(), sight(other), (NoEffect(PATH, "why", ("a change",)),)))

    def test_a_listed_change_speaks_of_no_other_change_of_its_field(self):
        entry = NoEffect(PATH, "why", ("another change",))
        assert "no child shows it" in words(oracles.visible(case(), sight(), sight(with_args("--x")), (entry,)))


class TestReturned:
    def test_it_rings_where_children_or_conditions_are_not_those_of_before(self):
        back = sight(children=CHANGED)
        assert "children differ" in words(oracles.returned(case(), sight(), back))
        back = sight(Ready={"status": "False"})
        assert "conditions differ" in words(oracles.returned(case(), sight(), back))

    def test_it_is_silent_where_all_is_as_before(self):
        assert not list(oracles.returned(case(), sight(), sight()))


class TestConditions:
    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"reason": "Whatever"}, "unknown reason"),
            ({"status": "Unknown"}, "may not stand in"),
            ({"observedGeneration": 7}, "of generation 7"),
            ({"lastTransitionTime": "yesterday"}, "no time"),
            ({"message": ""}, "a message of 0 characters"),
            ({"message": "x" * 1025}, "a message of 1025 characters"),
            ({"status": "False", "reason": "NoCapacity", "message": "No node takes it."}, "no remedy"),
        ],
    )
    def test_it_rings_for_a_malformed_condition(self, change, says):
        assert says in words(oracles.conditions(case(), sight(Available=change)))

    def test_it_rings_where_a_type_is_missing(self):
        seen = sight()
        seen.model["status"]["conditions"].pop()
        assert "of types" in words(oracles.conditions(case(), seen))

    def test_it_rings_where_the_model_did_not_settle(self):
        assert "not settled" in words(oracles.conditions(case(), sight(settled=False)))

    def test_it_is_silent_for_conditions_as_they_must_be(self):
        assert not list(oracles.conditions(case(), sight()))


class TestSettled:
    def test_a_model_is_settled_when_all_conditions_are_of_its_generation_and_none_is_passing(self):
        assert oracles.settled(sight().model)

    @pytest.mark.parametrize(
        "change",
        [
            {"Ready": {"observedGeneration": 0}},
            {"Ready": {"status": "False", "reason": "EngineStarting"}},
            {"Accepted": {"observedGeneration": 0}},
        ],
    )
    def test_it_is_not_before_that(self, change):
        assert not oracles.settled(sight(**change).model)

    def test_it_is_not_while_the_status_is_of_an_earlier_generation_or_missing(self):
        model = sight().model
        assert not oracles.settled({**model, "metadata": {"generation": 2}})
        assert not oracles.settled({**model, "status": None})
        model["status"]["observedGeneration"] = 0
        assert not oracles.settled(model)


def test_errors_and_traces_in_the_log_are_found():
    lines = [
        {"level": "ERROR", "message": "no"},
        {"level": "WARNING", "message": "hm"},
        {"level": "INFO", "message": "x", "exception": "Traceback (most recent call last)"},
    ]
    assert oracles.log_alarms(lines) == ["ERROR: no", "INFO: x"]
