"""What of a change the Deployment is told now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paceline.decide.observation import ReplicaSetView
from paceline.decide.step import Step, step
from tests.support.models import deployment

#: In the middle of a rollout from r1 to r2: three wanted, one more allowed.
MIDWAY = deployment(3, total=4, updated=2, ready=3, available=3)
PAUSED = replace(MIDWAY, paused=True)
OLD = ReplicaSetView(noticed=True, replicas=2, total=2, available=2, scaled_for=3)
NEW = ReplicaSetView(noticed=True, replicas=2, total=2, available=1, scaled_for=3)
WAITS = Step("r2", 3, paused=True, last=False)


def test_what_is_there_is_told_again_as_it_is():
    assert step(MIDWAY, None, "r2", 3) == Step("r2", 3)


def test_a_first_deployment_is_told_all():
    assert step(None, None, "r2", 3) == Step("r2", 3)


def test_one_whose_pods_do_not_exist_yet_is_told_all():
    unseen = deployment(3, observed_generation=0, total=0, updated=0, ready=0, available=0)
    assert step(unseen, None, "r3", 5) == Step("r3", 5)


def test_one_at_rest_is_told_all():
    assert step(deployment(3), None, "r3", 5) == Step("r3", 5)


@pytest.mark.parametrize("busy", [{"updated": 2}, {"total": 4}, {"ready": 2}, {"available": 2}])
def test_where_something_is_under_way_it_is_paused_before_it_gets_another_template(busy):
    assert step(deployment(3, **busy), None, "r1", 3) == WAITS


def test_pods_that_are_on_their_way_do_not_hinder_a_change_of_scale():
    assert step(deployment(3, ready=1, available=1), None, "r2", 5) == Step("r2", 5)


@pytest.mark.parametrize("busy", [{"updated": 2, "total": 3}, {"updated": 2, "total": 2}])
def test_a_change_of_scale_in_the_middle_of_a_rollout_waits_for_a_pause(busy):
    assert step(deployment(3, **busy), None, "r2", 5) == WAITS


def test_what_the_controller_has_not_noticed_yet_is_waited_for():
    assert step(replace(MIDWAY, observed_generation=3), None, "r1", 3) == replace(WAITS, paused=False)
    assert step(replace(PAUSED, observed_generation=3), (OLD, NEW), "r1", 3) == WAITS


@pytest.mark.parametrize(
    "sets",
    [
        (replace(OLD, noticed=False), NEW),
        (replace(OLD, replicas=1), NEW),  # told to end one, and not yet counted again
        (replace(OLD, total=1, available=1), NEW),  # more recent than what the Deployment says
        (OLD, replace(NEW, available=2)),
    ],
)
def test_a_paused_one_waits_until_its_replicasets_have_caught_up(sets):
    assert step(PAUSED, sets, "r1", 3) == WAITS


def test_a_replicaset_that_lacks_pods_is_no_reason_to_wait():
    assert step(PAUSED, (replace(OLD, replicas=5), NEW), "r1", 3) == Step("r1", 3)


def test_once_they_have_it_gets_the_template_and_goes_on():
    assert step(PAUSED, (OLD, NEW), "r1", 3) == Step("r1", 3)
    assert step(PAUSED, (OLD, NEW), "r2", 3) == Step("r2", 3), "also when the change was taken back meanwhile"


def test_a_new_number_comes_before_a_new_template():
    assert step(PAUSED, (OLD, NEW), "r1", 5) == Step("r2", 5, paused=True, last=False)


class TestARolloutThatWouldBeForgotten:
    """One ReplicaSet has pods, as many as wanted now, and was scaled for another number."""

    live = deployment(5, revision="r2", total=3, updated=0, ready=3, available=3, paused=True)
    only = ReplicaSetView(noticed=True, replicas=3, total=3, available=3, scaled_for=5)
    none = ReplicaSetView(noticed=True, replicas=0, total=0, available=0)

    def test_it_goes_on_with_the_old_number_until_another_one_has_pods(self):
        assert step(self.live, (self.only, self.none), "r1", 3) == Step("r1", 5, last=False)

    @pytest.mark.parametrize(
        ("sets", "wanted"),
        [
            ((replace(only, scaled_for=3),), 3),
            ((only,), 4),
            ((replace(only, replicas=2, total=2, available=2), replace(only, replicas=1, total=1, available=1)), 3),
        ],
    )
    def test_any_other_is_told_the_new_number(self, sets, wanted):
        assert step(self.live, sets, "r1", wanted) == Step("r2", wanted, paused=True, last=False)


def test_without_the_right_to_read_replicasets_nothing_stays_paused():
    assert step(PAUSED, None, "r1", 5) == Step("r1", 5)
