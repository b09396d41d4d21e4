"""Each invariant holds of an undisturbed run and is broken by the one event that breaks it."""

from __future__ import annotations

import pytest

from tests.examiner.invariants import at_home, dangerous, few, one_owner, only_forward, restricted, violations
from tests.examiner.record import ordered
from tests.support.examined import Run, served, told


def test_an_undisturbed_run_breaks_none():
    assert violations(served().events, {"u-of-another-namespace"}) == []


@pytest.mark.parametrize("owner", ["", "never-was"])
def test_i2_a_child_whose_owner_never_was_is_found(owner):
    run = served()
    run.owned("services", "MODIFIED", owner=owner)
    assert list(one_owner(ordered(run.events)))


def test_i2_a_child_of_two_owners_is_found():
    run = served()
    run.model("ADDED", uid="second")
    both = [{"uid": uid, "controller": True} for uid in ("owner", "second")]
    run.see("services", run.child, "MODIFIED", metadata={"ownerReferences": both})
    assert list(one_owner(ordered(run.events)))


def test_i2_a_child_that_outlives_its_owner_is_found():
    run = Run()
    run.model("ADDED")
    run.owned("services")
    run.model("DELETED")
    assert ["left over" in words for words in one_owner(ordered(run.events))] == [True]
    run.owned("services", "DELETED")
    assert not list(one_owner(ordered(run.events)))


def test_i3_a_child_of_a_model_of_another_namespace_is_found():
    run = served()
    run.owned("services", "MODIFIED", owner="foreign")
    assert list(at_home(run.events, {"foreign"}))
    assert not list(at_home(run.events, {"another"}))


def test_i4_an_observed_generation_that_goes_back_is_found():
    run = Run()
    run.model(generation=2, status=told(2))
    run.model(generation=2, status=told(1))
    assert any("went back to 1" in words for words in only_forward(run.events))


def test_i4_a_condition_that_speaks_of_an_earlier_generation_is_found():
    run = Run()
    run.model(generation=2, status=told(2))
    status = told(2)
    status["conditions"][0]["observedGeneration"] = 1
    run.model(generation=2, status=status)
    assert any("Progressing" in words for words in only_forward(run.events))


def test_i4_another_transition_time_without_another_status_is_found():
    run = Run()
    run.model(status=told(at="2026-11-24T12:00:00Z"))
    run.model(status=told(at="2026-11-24T12:00:01Z"))
    assert any("lastTransitionTime" in words for words in only_forward(run.events))


def test_i4_another_transition_time_with_another_status_is_right():
    run = Run()
    run.model(status=told(at="2026-11-24T12:00:00Z"))
    run.model(status=told(at="2026-11-24T12:00:01Z", status="False"))
    assert not list(only_forward(run.events))


def test_i4_a_model_made_anew_begins_anew():
    run = Run()
    run.model(generation=5, status=told(5))
    run.model("DELETED", generation=5)
    run.model("ADDED", generation=1, uid="second", status=told(1))
    assert not list(only_forward(run.events))


def test_i7_more_objects_than_the_history_allows_are_found():
    run = served()
    for number in range(8):  # with the first 9: 5 kept, one in force, and 3 that the pods of 2 replicas may run
        run.revision(f"0000000{number}", f"0000000{number}")
    assert not list(few(run.events))
    run.revision("0000000a", "0000000a")
    assert len(list(few(run.events))) == 1


def test_i7_what_was_removed_no_longer_counts():
    run = served()
    for number in range(20):
        run.revision(f"000000{number:02}", f"000000{number:02}")
        run.revision(f"000000{number:02}", f"000000{number:02}", "DELETED")
    assert not list(few(run.events))


POD = {"containers": [{"name": "engine"}]}


@pytest.mark.parametrize(
    "spec",
    [
        {"hostNetwork": True},
        {"hostPID": True},
        {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
        {"containers": [{"securityContext": {"privileged": True}}]},
        {"initContainers": [{"securityContext": {"allowPrivilegeEscalation": True}}]},
        {"containers": [{"ports": [{"hostPort": 80}]}]},
    ],
)
def test_i8_each_right_on_the_node_is_found_in_pods_templates_and_revisions(spec):
    assert not dangerous(POD)
    for resource, rest in (
        ("pods", {"spec": spec}),
        ("deployments", {"spec": {"template": {"spec": spec}}}),
        ("controllerrevisions", {"data": {"template": {"spec": spec}}}),
    ):
        run = Run()
        run.owned(resource, **rest)
        assert len(list(restricted(run.events))) == 1
