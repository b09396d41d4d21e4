"""Two runs in the same words: what tells objects and moments apart is gone, what differs in substance stays."""

from __future__ import annotations

import pytest

from tests.examiner.canonical import Names, canonical, counts, end_state, flat, leaves
from tests.support.examined import HOME, NAME, Run, served, told


def names(run):
    return Names.of(run.namespace, NAME, run.events)


def test_runs_in_two_namespaces_end_in_the_same_state():
    one, other = served(), served("x-99998888")
    assert end_state(names(one), one.events) == end_state(names(other), other.events)


@pytest.mark.parametrize(
    ("words", "canonically"),
    [
        ("since 2026-11-24T12:00:00Z and 2026-11-24T12:00:00.123456Z", "since TIME and TIME"),
        ("at 10.203.0.17 now", "at IP now"),
        ("uid 01234567-89ab-cdef-0123-456789abcdef", "uid UID"),
        (f"digest sha256:{'0a' * 32}", "digest DIGEST"),
        (f"http://{NAME}.{HOME}.svc", "http://MODEL.NS.svc"),
    ],
)
def test_what_each_moment_or_place_has_its_own_of_becomes_a_word(words, canonically):
    assert names(Run()).text(words) == canonically


def test_revisions_are_numbered_in_the_order_in_which_they_were_kept_and_their_pods_named_after_them():
    run = Run()
    run.revision("00000002", "eeee0002")
    run.revision("00000001", "bbbb0001")
    pod = run.pod("xyz12")
    assert names(run).key("pods", pod) == ("pods", "pods-of-R2")
    assert names(run).text(f"{run.child}-00000002 eeee0002 cccc0001") == "CHILD-R1 R1 hash-of-R2"


def test_two_revisions_with_the_same_template_stay_two():
    run = Run()
    run.revision("00000001")
    run.revision("00000002")
    keys = set(end_state(names(run), run.events))
    assert keys == {("controllerrevisions", "CHILD-R1"), ("controllerrevisions", "CHILD-R2")}


def test_an_object_loses_what_it_alone_has_and_keeps_what_was_asked():
    run = Run()
    obj = run.owned("services", metadata={"managedFields": [{}], "generation": 3}, spec={"ports": [{"port": 80}]})
    told = canonical(names(run), obj)
    assert told["spec"] == {"ports": [{"port": 80}]}
    assert not told["metadata"].keys() & {"uid", "resourceVersion", "managedFields", "generation"}


def test_whether_a_status_speaks_of_the_present_spec_is_kept_without_its_number():
    run = Run()
    here = canonical(names(run), run.model(generation=7, status=told(7)))
    there = canonical(names(run), run.model(generation=8, status=told(7)))
    assert here["status"]["observedGeneration"] == "current"
    assert here["status"]["conditions"][0]["observedGeneration"] == "current"
    assert there["status"]["observedGeneration"] == "earlier"


def test_the_order_of_conditions_says_nothing_and_that_of_other_lists_does():
    run = Run()
    one = run.model(status=told(Ready="A", Available="B"), spec={"args": ["a", "b"]})
    other = run.model(status=told(Available="B", Ready="A"), spec={"args": ["b", "a"]})
    here, there = (canonical(names(run), obj) for obj in (one, other))
    assert here["status"] == there["status"]
    assert here["spec"] != there["spec"]


def test_pods_count_as_many_as_are_there_and_as_are_ready():
    run = served()
    run.pod("c", ready=False)
    run.pod("d", metadata={"deletionTimestamp": "2026-11-24T12:00:00Z"})
    assert end_state(names(run), run.events)["pods", "pods-of-R1"] == {"total": 4, "ready": 2}


def test_what_was_deleted_is_no_part_of_the_end():
    run = served()
    run.owned("services", "DELETED")
    assert ("services", "CHILD") not in end_state(names(run), run.events)


def test_an_object_is_created_once_and_one_made_anew_twice():
    run = Run()
    run.owned("services")
    run.owned("services", "MODIFIED")
    run.owned("services", "DELETED")
    run.owned("services", metadata={"uid": "another"})
    found = counts(names(run), run.events)
    assert found["creates"] == {("services", "CHILD"): 2}
    assert found["updates"] == {("services", "CHILD"): 1}
    assert found["deletes"] == {("services", "CHILD"): 1}


def test_events_count_in_the_order_of_the_server_whatever_watch_was_read_first():
    run = served()
    run.owned("services", "DELETED")
    run.events.reverse()
    assert ("services", "CHILD") not in end_state(names(run), run.events)


def test_objects_of_nobody_are_left_out():
    run = Run()
    run.see("serviceaccounts", "default", metadata={"labels": {"paceline.dev/modeldeployment": None}})
    assert end_state(names(run), run.events) == {}


def test_a_state_is_flat_down_to_empty_members():
    assert leaves({"a": [{"b": 1}, {}], "c": None}) == {"/a/0/b": 1, "/a/1": {}, "/c": None}
    assert flat({("pods", "p"): {"total": 2}}) == {"/pods p/total": 2}
