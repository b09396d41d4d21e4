"""I1: the floor follows the specs under way, and a pod too few is found at the very event."""

from __future__ import annotations

import pytest

from tests.examiner.floor import Floor, breaches, floor_of
from tests.support.examined import Run, served, told

GOING = {"metadata": {"deletionTimestamp": "2026-11-24T12:00:00Z"}}


def test_a_ready_pod_that_goes_below_the_floor_is_found_once():
    run = served()
    run.pod("a", **GOING)
    run.pod("a", "DELETED")
    (words,) = breaches(run.events)
    assert "1 pods are ready, 2 must be" in words


def test_a_pod_that_stops_being_ready_is_found():
    run = served()
    run.pod("a", ready=False)
    assert breaches(run.events)


def test_before_a_model_was_ever_settled_there_is_no_floor():
    run = Run()
    run.model("ADDED")
    run.pod("a")
    run.pod("a", "DELETED")
    assert breaches(run.events) == []


def test_a_surge_and_then_the_old_pod_is_a_rollout_within_the_floor():
    run = served()
    run.model(generation=2)
    run.pod("c", "ADDED", ready=False)
    run.pod("c")
    run.pod("a", "DELETED")
    assert breaches(run.events) == []
    run.pod("b", "DELETED")
    assert breaches(run.events)


def test_a_smaller_spec_lowers_the_floor_as_soon_as_it_is_asked_for():
    run = served()
    run.model(generation=2, spec={"replicas": 1})
    run.pod("a", "DELETED")
    assert breaches(run.events) == []


def test_a_spec_taken_back_before_it_was_carried_out_may_still_have_taken_its_pods():
    run = served()
    run.model(generation=2, spec={"replicas": 1})
    run.model(generation=3)
    run.pod("a", "DELETED")
    assert breaches(run.events) == []


def test_once_settled_the_newest_spec_alone_counts():
    run = served()
    run.model(generation=2, spec={"replicas": 1})
    run.model(generation=3)
    run.settle(generation=3)
    run.pod("a", "DELETED")
    assert breaches(run.events)


def test_a_larger_spec_does_not_ask_for_pods_that_cannot_be_there_yet():
    run = served()
    run.model(generation=2, spec={"replicas": 5})
    run.pod("c", "ADDED", ready=False)
    assert breaches(run.events) == []


@pytest.mark.parametrize(
    ("spec", "floor"),
    [
        ({"replicas": 3, "rollout": {"maxUnavailable": 1}}, 2),
        ({"replicas": 1, "rollout": {"maxUnavailable": 3}}, 0),
        ({"replicas": 3, "rollout": {"strategy": "Recreate"}}, 0),
        ({}, 1),
    ],
)
def test_the_floor_is_what_may_be_missing_less_than_wanted(spec, floor):
    assert floor_of(spec) == floor


@pytest.mark.parametrize(
    "change",
    [
        {"deployment": {"spec": {"replicas": 3}}},
        {"deployment": {"status": {"observedGeneration": 0}}},
        {"deployment": {"status": {"updatedReplicas": 1}}},
        {"model": {"status": told(0)}},
        {"model": {"status": told(Progressing="RolloutInProgress")}},
    ],
)
def test_nothing_counts_as_settled_while_one_account_differs(change):
    run = Run()
    run.pod("a")
    run.pod("b")
    run.deployment(**change.get("deployment", {}))
    run.model(**{"status": told()} | change.get("model", {}))
    floor = Floor()
    for event in run.events:
        floor.take(event)
    assert floor.lowest is None


def test_a_deleted_model_has_no_floor():
    run = served()
    run.model("DELETED")
    run.pod("a", "DELETED")
    assert breaches(run.events) == []


def test_each_change_of_the_number_of_ready_pods_is_counted_as_checked():
    run = served()
    run.pod("c")
    run.pod("c", "DELETED")
    floor = Floor()
    for event in run.events:
        floor.take(event)
    assert floor.checked == 3  # settled, one more, one fewer
