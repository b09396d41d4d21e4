"""G1 to G4: each holds of a Gateway that came up without trouble, and is broken by the one event that breaks it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from paceline.api.names import LABEL_GATEWAY
from paceline.gateway import snapshot
from paceline.gateway.stamp import Stamp
from tests.examiner.canonical import DOOR, Names, end_state
from tests.examiner.floor import Floor
from tests.examiner.invariants import few, one_owner, violations
from tests.examiner.lesson import learn
from tests.examiner.oracles import complaints
from tests.examiner.programs import Glimpse, keys, misled, stamps
from tests.examiner.record import ordered
from tests.support.examined import NAME, Run

LABELS = {
    "labels": {"paceline.dev/modeldeployment": None, LABEL_GATEWAY: DOOR},
    "ownerReferences": [{"uid": "gate", "controller": True}],
}
FIRST, SECOND = Stamp(1, "aa"), Stamp(2, "bb")


def door(run: Run, stamp: Stamp = FIRST, type_: str = "MODIFIED", **metadata: Any) -> None:
    """A Gateway's stamp, as it is seen."""
    run.see("configmaps", "door-stamp", type_, metadata=LABELS | metadata, data=stamp.data)


def secret(run: Run, content: str = "one", type_: str = "ADDED", **metadata: Any) -> None:
    """A Consumer's generated key, as it is seen."""
    reference = {"uid": "caller", "kind": "Consumer", "controller": True}
    labels = {"paceline.dev/modeldeployment": None}
    about = {"ownerReferences": [reference], "labels": labels} | metadata
    run.see("secrets", "caller-key", type_, metadata=about, data={"token": content})


def opened(namespace: str = "x-11112222") -> Run:
    """A Gateway and a Consumer that came up without trouble."""
    run = Run(namespace)
    run.see("gateways", DOOR, uid="gate", metadata={"generation": 1})
    run.see("consumers", "caller", uid="caller", metadata={"generation": 1})
    secret(run)
    door(run, FIRST, "ADDED")
    door(run, SECOND)
    return run


def glimpse(stamp: Stamp, *admitted: tuple[str, str], gateway: str = "gate") -> Glimpse:
    return Glimpse(gateway, stamp, frozenset(admitted))


SEEN = (glimpse(FIRST), glimpse(SECOND, ("caller", "pl_1")))


def test_a_gateway_that_came_up_without_trouble_breaks_none():
    run = opened()
    assert violations(run.events) == []
    assert list(misled(run.events, SEEN)) == []


def test_g1_a_number_that_goes_back_is_found():
    run = opened()
    door(run, replace(FIRST, digest="cc"))
    assert len(list(stamps(ordered(run.events)))) == 1


def test_g1_two_programs_of_one_number_are_found():
    run = opened()
    door(run, replace(SECOND, digest="cc"))
    assert ["two programs" in words for words in stamps(ordered(run.events))] == [True]


def test_g1_a_gateway_made_anew_may_begin_anew():
    run = opened()
    door(run, SECOND, "DELETED")
    door(run, FIRST, "ADDED", uid="another")
    assert not list(stamps(ordered(run.events)))


@pytest.mark.parametrize("how", [{"content": "two", "type_": "MODIFIED"}, {"uid": "another"}])
def test_g2_a_generated_key_that_is_replaced_is_found(how):
    run = opened()
    secret(run, **how)
    assert len(list(keys(ordered(run.events)))) == 1


def test_g2_a_label_of_a_key_may_change():
    run = opened()
    secret(run, type_="MODIFIED", annotations={"a": "b"})
    assert not list(keys(ordered(run.events)))


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ((*SEEN, glimpse(Stamp(3, "cc"))), "nobody kept"),
        ((*reversed(SEEN),), "program 1 after 2"),
        ((glimpse(FIRST, ("caller", "k")), glimpse(SECOND), glimpse(SECOND, ("caller", "k"))), "lets a key of caller"),
    ],
)
def test_g3_and_g4_what_agents_must_not_get_is_found(seen, words):
    found = list(misled(opened().events, seen))
    assert len(found) == 1
    assert words in found[0]


def test_a_gateway_made_anew_has_other_agents():
    assert not list(misled(opened().events, (*reversed(SEEN[1:]), glimpse(FIRST, gateway="another"))))


def test_a_child_of_a_gateway_that_is_gone_is_left_over():
    run = opened()
    run.see("gateways", DOOR, "DELETED", uid="gate")
    assert ["left over" in words for words in one_owner(ordered(run.events))] == [True]


def test_i7_more_names_than_a_gateway_has_are_found():
    run = Run()
    for number in range(6):
        run.see("configmaps", f"door-{number}", metadata=LABELS)
    assert not list(few(ordered(run.events)))
    run.see("configmaps", "door-6", metadata=LABELS)
    assert len(list(few(ordered(run.events)))) == 1


def test_pods_of_a_gateway_are_none_of_the_model():
    run = Run()
    pod = run.see("pods", "door-a", metadata=LABELS)
    floor = Floor()
    floor.take(run.events[-1])
    assert not floor._pods
    assert Names.of(run.namespace, NAME, run.events).key("pods", pod) == ("pods", "pods-of-DOOR")


def test_how_many_programs_there_were_is_no_part_of_the_end():
    one, other = opened(), opened()
    door(other, Stamp(7, "bb"))
    for run, number in ((one, 2), (other, 7)):
        status = {"generationServed": number, "conditions": [], "words": f"All pods serve configuration {number}."}
        run.see("gateways", DOOR, "MODIFIED", uid="gate", metadata={"generation": 1}, status=status)
    states = [end_state(Names.of(run.namespace, NAME, run.events), run.events) for run in (one, other)]
    assert states[0] == states[1]


def test_what_agents_got_counts_for_a_plan():
    run = opened()
    lesson = learn("door-create", run.outcome(), opened("x-33334444").outcome())
    assert complaints(lesson, run.outcome(glimpses=SEEN)) == []
    assert complaints(lesson, run.outcome(glimpses=tuple(reversed(SEEN))))


def program(**files: str) -> bytes:
    known = {"key": "pl_1", "client": "external-aa.ns.caller"}
    listed = {"rds.json": json.dumps({"credentials": [known]}), "deny.json": "{}", **files}
    made = snapshot.Program("ns/door", listed, {}, {}, ())
    return b'{"generation":4,"digest":"0a","program":%s}' % snapshot.write(made)


def test_a_key_that_the_program_knows_is_admitted_unless_its_client_is_denied():
    assert Glimpse.of("gate", program()).admitted == {("caller", "pl_1")}
    denied = json.dumps({"map": {"external-aa.ns.caller": {}}})
    seen = Glimpse.of("gate", program(**{"deny.json": denied}))
    assert seen.admitted == frozenset()
    assert seen.stamp.generation == 4
