"""How a new revision replaces the old one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paceline.decide.observation import Children
from paceline.decide.rollout import way
from tests.support import models
from tests.support.models import deployment, pod, starting

FIXED = models.hardware(capacity="Fixed", pricePerHour="2.5", acceleratorResource="nvidia.com/gpu")
TAKEN = {
    "unschedulable": "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) didn't match Pod's selector."
}
NOWHERE = {"unschedulable": "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."}


def kept(label, profile=FIXED, **spec):
    """A revision under that label."""
    return replace(models.revision(models.model(spec), profile), label=label)


def taken(rollout=None, profile=None, view=None, pods=(), revisions=(), **spec):
    md = models.model({"replicas": 3, "rollout": rollout or {}, **spec})
    return way(md, models.plan(md, profile), Children(view, pods, revisions))


def test_by_default_one_replica_more_is_started_and_none_is_missing():
    found = taken()
    assert (found.type, found.surge, found.unavailable, found.name) == ("RollingUpdate", 1, 0, "RollingUpdate +1/-0")


@pytest.mark.parametrize("strategy", ["Auto", "Replace"])
def test_surge_and_unavailable_are_those_of_the_spec(strategy):
    found = taken({"strategy": strategy, "maxSurge": 0, "maxUnavailable": 2})
    assert (found.surge, found.unavailable) == (0, 2)


def test_recreate_ends_all_pods_first_and_says_that_nobody_is_answered_meanwhile():
    found = taken({"strategy": "Recreate"})
    assert (found.type, found.name) == ("Recreate", "Recreate")
    assert "no answers for at most 1800 s" in found.words


def test_what_it_costs_and_how_long_it_takes_is_said():
    assert "(5.00 USD/h meanwhile), at most 1800 s for each step." in taken({"maxSurge": 2}, FIXED).words


class TestFull:
    """A profile of capacity Fixed whose accelerators are all taken."""

    rolling = deployment(3, revision="r2", surge=1)
    old, stuck = pod("a", revision="r1"), starting("b", **TAKEN)

    def test_an_old_pod_ends_first_when_a_new_one_finds_no_place(self):
        found = taken(profile=FIXED, view=self.rolling, pods=(self.old, self.stuck))
        assert (found.surge, found.unavailable) == (0, 1)
        assert "one replica fewer than wanted answers" in found.words

    def test_it_stays_so_until_the_rollout_is_over(self):
        view = deployment(3, revision="r2", surge=0)
        assert taken(profile=FIXED, view=view, pods=(self.old, pod("b"))).surge == 0
        assert taken(profile=FIXED, view=view, pods=(pod("b"), pod("c"))).surge == 1

    def test_an_elastic_profile_waits_for_a_new_node(self):
        elastic = models.hardware(acceleratorResource="nvidia.com/gpu")
        assert taken(profile=elastic, view=self.rolling, pods=(self.old, self.stuck)).surge == 1

    def test_a_first_rollout_has_no_old_pod_to_end(self):
        assert taken(profile=FIXED, view=self.rolling, pods=(self.stuck,)).surge == 1
        assert taken(profile=FIXED).surge == 1

    def test_replace_keeps_to_what_the_spec_says(self):
        found = taken({"strategy": "Replace"}, FIXED, self.rolling, (self.old, self.stuck))
        assert (found.surge, found.unavailable) == (1, 0)

    def test_pods_on_their_way_out_do_not_count(self):
        gone = pod("a", revision="r1", deleting=True)
        assert taken(profile=FIXED, view=self.rolling, pods=(gone, self.stuck)).surge == 1

    def test_a_pod_that_no_node_would_take_anyway_costs_no_pod_that_serves(self):
        nowhere = starting("b", **NOWHERE)
        assert taken(profile=FIXED, view=self.rolling, pods=(self.old, nowhere)).surge == 1

    @pytest.mark.parametrize(("before", "after", "surge"), [(8, 16, 1), (8, 8, 0), (8, 4, 0)])
    def test_a_revision_that_asks_for_more_accelerators_does_not_take_those_of_the_old_one(self, before, after, surge):
        found = taken(
            profile=FIXED,
            view=self.rolling,
            pods=(self.old, self.stuck),
            revisions=(kept("r1", hardware={"count": before}),),
            hardware={"count": after},
        )
        assert found.surge == surge

    def test_a_spec_without_surge_is_left_as_it_is(self):
        asked = {"maxSurge": 0, "maxUnavailable": 3}
        found = taken(asked, FIXED, deployment(3, revision="r2", surge=0), (self.old, pod("b")))
        assert found.unavailable == 3
