"""Each oracle passes an undisturbed run and finds the one thing that was broken on purpose."""

from __future__ import annotations

from tests.examiner.journal import Write
from tests.examiner.lesson import learn
from tests.examiner.oracles import complaints, guarded, same_counts, same_state
from tests.support.examined import Run, lesson, served


def other() -> Run:
    return served("x-55556666")


def test_a_run_like_the_clean_ones_has_no_complaints():
    assert complaints(lesson(), other().outcome()) == []


def test_a_field_that_ends_otherwise_is_found():
    run = other()
    run.owned("services", "MODIFIED", spec={"type": "NodePort"})
    assert list(same_state(lesson(), run.outcome())) == [
        "end state: /services CHILD/spec/type is NodePort, not nothing"
    ]


def test_a_child_that_is_missing_at_the_end_is_found():
    run = other()
    run.owned("poddisruptionbudgets", "DELETED")
    assert any("/poddisruptionbudgets CHILD" in words for words in same_state(lesson(), run.outcome()))


def test_a_child_too_many_is_found():
    run = other()
    run.revision("99990000", "99990000")
    assert any("CHILD-R2" in words for words in same_state(lesson(), run.outcome()))


def test_a_pod_that_is_not_ready_at_the_end_is_found():
    run = other()
    run.pod("b", ready=False)
    assert list(same_state(lesson(), run.outcome())) == ["end state: /pods pods-of-R1/ready is 1, not 2"]


def test_what_differs_between_the_clean_runs_is_nobodys_promise():
    one, two = served(), served("x-33334444")
    one.owned("services", "MODIFIED", spec={"token": "a", "list": [1]})
    two.owned("services", "MODIFIED", spec={"token": "b", "list": []})
    run = other()
    run.owned("services", "MODIFIED", spec={"token": "c", "list": [2]})
    assert list(same_state(lesson(one, two), run.outcome())) == []
    run.owned("services", "MODIFIED", spec={"token": "c", "list": [2], "more": 1})
    assert len(list(same_state(lesson(one, two), run.outcome()))) == 1


def test_a_child_made_twice_is_found_though_the_end_is_right():
    run = other()
    run.owned("services", "DELETED")
    run.owned("services", metadata={"uid": "another"})
    assert list(same_state(lesson(), run.outcome())) == []
    assert list(same_counts(lesson(), run.outcome())) == [
        "creates: 2 of services CHILD, not 1",
        "deletes: 1 of services CHILD, not 0",
    ]


def test_a_pod_taken_and_replaced_is_found_though_the_end_is_right():
    run = other()
    run.pod("a", "DELETED")
    run.pod("c")
    assert "deletes: 1 of pods pods-of-R1, not 0" in list(same_counts(lesson(), run.outcome()))


def test_counts_that_differ_between_the_clean_runs_are_not_compared():
    one, two = served(), served("x-33334444")
    one.pod("c", "ADDED", ready=False)
    one.pod("c", "DELETED", ready=False)
    found = learn("create", one.outcome(), two.outcome())
    assert ("pods", "pods-of-R1") in found.loose
    assert list(same_counts(found, other().outcome())) == []


def test_a_delete_without_a_uid_is_found():
    run = other()
    bad, good = Write("delete.services", 200, True, guarded=False), Write("delete.services", 200, True)
    assert len(list(guarded(run.outcome(writes=(bad,))))) == 1
    assert list(guarded(run.outcome(writes=(good,)))) == []


def test_what_the_run_itself_found_wrong_is_a_complaint():
    assert complaints(lesson(), other().outcome(problems=("the operator ended by itself",)))


def test_a_broken_invariant_is_a_complaint_and_so_is_an_owner_of_elsewhere():
    run = other()
    run.owned(
        "services", "MODIFIED", spec={"a": None}, metadata={"ownerReferences": [{"uid": "u9", "controller": True}]}
    )
    words = complaints(lesson(), run.outcome(), {"u9"})
    assert any(word.startswith("I2") for word in words)
    assert any(word.startswith("I3") for word in words)
