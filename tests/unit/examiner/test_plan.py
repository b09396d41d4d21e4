"""Which plans there are, how they are named, and which part of them a day takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.examiner.batch import failed_once
from tests.examiner.journal import Write
from tests.examiner.lens import Frame
from tests.examiner.lesson import learn
from tests.examiner.plan import ERRORS, KILLS, LOOKS, SORTS, Plan, plans, some
from tests.examiner.workloads import EVERY
from tests.support.examined import lesson, served

STATUS = "patch.modeldeployments/status"


def write(what="patch.services", effective=True, at=0.0):
    return Write(what, 200, effective, at=at)


def learnt(*writes, **seen):
    return lesson(served(), served("x-33334444"), writes=writes, **seen)


def of(trouble, found):
    return [(plan.point, plan.number) for plan in found if plan.trouble == trouble]


@pytest.mark.parametrize("line", ["roll/kill-before/patch.modeldeployments/status/3", "create/hide/pods/12"])
def test_a_plan_is_its_line(line):
    assert str(Plan.parse(line)) == line


@pytest.mark.parametrize("line", ["roll", "roll/sing/pods/1", "roll/hide/1", "roll/hide/pods/x"])
def test_what_is_no_plan_is_refused(line):
    with pytest.raises(ValueError, match=r".+"):
        Plan.parse(line)


def test_each_effective_write_is_killed_at_three_moments():
    found = plans(learnt(write(), write(), write(STATUS)))
    for kill in KILLS:
        assert of(kill, found) == [("patch.services", 1), ("patch.services", 2), (STATUS, 1)]


def test_a_write_that_changed_nothing_counts_but_is_no_point():
    assert of("kill-before", plans(learnt(write(effective=False), write()))) == [("patch.services", 2)]


def test_only_writes_of_both_clean_runs_are_points():
    first = served().outcome(writes=(write(), write(STATUS), write(STATUS)))
    second = served("x-33334444").outcome(writes=(write(), write(STATUS)))
    assert learn("create", first, second).writes == (("patch.services", 1), (STATUS, 1))


def test_errors_strike_the_first_call_of_a_name_and_the_last_status():
    found = plans(learnt(write(), write(), write(STATUS), write(STATUS), write(STATUS)))
    for error in ERRORS:
        assert of(error, found) == [("patch.services", 1), (STATUS, 1), (STATUS, 3)]


def test_outside_of_create_one_error_of_each_sort_is_enough():
    learnt_elsewhere = replace(learnt(write(), looks=("get.services",)), workload="roll")
    found = plans(learnt_elsewhere)
    assert {plan.trouble for plan in found if plan.point == "patch.services"} == {*KILLS, *SORTS}
    assert of("error-500", found) == [("get.services", 1)]
    assert set(SORTS) <= set(ERRORS)


def test_slices_are_only_hidden_for_nothing_is_decided_of_them():
    frames = (Frame("endpointslices", 1, "new", 1.0),)
    assert [plan.trouble for plan in plans(learnt(write(at=2.0), frames=frames)) if plan.point == "endpointslices"] == [
        "hide"
    ]


def test_a_look_at_an_object_is_troubled_once_however_often_it_is_made():
    found = plans(learnt(write(), looks=("get.services", "get.services")))
    assert sorted(plan.trouble for plan in found if plan.point == "get.services") == sorted(LOOKS)


def test_an_event_of_a_sort_that_came_before_is_no_point():
    frames = (Frame("pods", 1, "new", 1.0), Frame("pods", 2, "new", 1.0), Frame("pods", 3, "ready", 1.0))
    found = plans(learnt(write(at=2.0), frames=frames))
    assert of("hide", found) == of("twice", found) == [("pods", 1), ("pods", 3)]


def test_a_view_stands_still_only_where_a_write_follows():
    frames = (Frame("pods", 1, "new", 1.0), Frame("pods", 2, "ready", 3.0))
    found = plans(learnt(write(at=2.0), frames=frames))
    assert of("stale", found) == of("stale-restart", found) == [("pods", 1)]


def test_the_parts_of_all_days_are_all_plans_and_each_day_has_the_same_ones_again():
    every = plans(learnt(*(write(f"patch.{name}") for name in "abcdefgh")))
    days = [some(every, 10, day) for day in range(len(every))]
    assert {plan for day in days for plan in day} == set(every)
    assert all(len(day) <= 10 for day in days)
    assert some(every, 10, 3) == days[3] != days[4]


def test_an_old_view_of_the_model_is_tried_though_no_write_should_follow():
    found = plans(learnt(write(at=2.0), frames=(Frame("modeldeployments", 1, "deleted", 3.0),)))
    assert of("stale", found) == of("stale-restart", found) == [("modeldeployments", 1)]


def test_a_small_number_of_plans_is_taken_whole():
    every = plans(learnt(write()))
    assert some(every, len(every), 5) == every


def test_the_list_of_failures_is_plans_with_comments():
    lines = ["# words", "", "roll/hide/pods/3  # lost the pod", "create/twice/pods/1"]
    assert [str(plan) for plan in failed_once(lines)] == ["roll/hide/pods/3", "create/twice/pods/1"]


def test_the_checked_in_list_can_be_read_and_names_workloads_that_exist():
    assert {plan.workload for plan in failed_once()} <= EVERY.keys()


def test_plans_of_two_workloads_differ():
    plan = Plan("roll", "hide", "pods", 1)
    assert str(replace(plan, workload="scale")) != str(plan)
