"""One object's whole life, from apply to deletion, on a real API server with the operator as a process."""

from __future__ import annotations

import json

from tests.support.lives import OURS
from tests.support.operator_process import NOWHERE, configuration
from tests.support.waiting import wait_until


def test_an_object_gets_its_children_and_a_status_that_says_what_is_missing(world):
    world.apply()
    children = wait_until(lambda: len(world.children()) == 5 and world.children(), 30, "five children")
    owner = world.get("modeldeployment", "chat")["metadata"]["uid"]
    assert all(child["metadata"]["ownerReferences"][0]["uid"] == owner for child in children.values())
    wait_until(lambda: world.condition("Available").get("reason") == "NoCapacity", 30, "no node fits")
    wait_until(lambda: world.condition("Accepted").get("status") == "True", 10, "accepted")
    assert world.status()["observedGeneration"] == 1


def test_a_settled_object_costs_no_writes(world):
    world.apply()
    wait_until(lambda: world.condition("Available").get("reason") == "NoCapacity", 30, "settled")
    before = -1

    def quiet():
        nonlocal before
        last, before = before, world.writes()
        return last == before

    wait_until(quiet, 60, "two looks without a write, longer apart than a resync", every=12)


def test_what_others_change_in_our_fields_is_undone(world):
    world.apply()
    wait_until(lambda: len(world.children()) == 5, 30, "five children")
    name = world.children()["Deployment"]["metadata"]["name"]
    patch = json.dumps({"spec": {"replicas": 5}})
    world.cluster.kubectl("patch", "deployment", name, "-n", world.namespace, "--type=merge", "-p", patch)
    wait_until(lambda: world.children()["Deployment"]["spec"]["replicas"] == 1, 20, "replicas are ours")
    selector = json.dumps({"spec": {"selector": {"app.kubernetes.io/component": "theirs"}}})
    world.cluster.kubectl("patch", "service", name, "-n", world.namespace, "--type=merge", "-p", selector)

    def healed():
        return world.children()["Service"]["spec"]["selector"]["app.kubernetes.io/component"] == "engine"

    wait_until(healed, 30, "the unwatched Service is healed by the resync")
    world.cluster.kubectl("delete", "poddisruptionbudget", name, "-n", world.namespace)
    wait_until(lambda: "PodDisruptionBudget" in world.children(), 30, "a deleted child comes back")


def test_scale_and_spec_changes_reach_the_deployment(world):
    world.apply()
    wait_until(lambda: len(world.children()) == 5, 30, "five children")
    world.cluster.kubectl("scale", "modeldeployment", "chat", "--replicas=3", "-n", world.namespace)
    wait_until(lambda: world.children()["Deployment"]["spec"]["replicas"] == 3, 20, "three replicas")
    wait_until(lambda: world.status().get("observedGeneration") == 2, 20, "the status is about it")
    world.cluster.kubectl("scale", "modeldeployment", "chat", "--replicas=0", "-n", world.namespace)
    wait_until(lambda: world.condition("Ready").get("reason") == "ScaledToZero", 20, "nothing runs on purpose")


def test_a_stranger_of_the_same_name_is_left_alone_and_named(world):
    world.apply()
    wait_until(lambda: len(world.children()) == 5, 30, "five children")
    name = world.children()["Service"]["metadata"]["name"]
    world.cluster.kubectl("delete", "modeldeployment", "chat", "-n", world.namespace)
    wait_until(lambda: not world.children(), 30, "the children are gone")
    stranger = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 4711}]},
    }  # fmt: skip
    world.cluster.apply(stranger, namespace=world.namespace)
    world.apply()
    wait_until(lambda: world.condition("Accepted").get("reason") == "ChildConflict", 30, "the conflict is named")
    assert name in world.condition("Accepted")["message"]
    assert world.get("service", name)["spec"]["ports"][0]["port"] == 4711
    world.cluster.kubectl("delete", "service", name, "-n", world.namespace)
    wait_until(lambda: world.condition("Accepted").get("status") == "True", 30, "it heals by itself")


def test_deletion_ends_and_leaves_nothing(world):
    world.apply()
    wait_until(lambda: len(world.children()) == 5, 30, "five children")
    world.cluster.kubectl("delete", "modeldeployment", "chat", "-n", world.namespace, "--timeout=30s")
    wait_until(lambda: not world.children(), 60, "the children are gone")
    world.apply()
    wait_until(lambda: len(world.children()) == 5, 60, "the same name can be used again")


def test_it_stops_within_five_seconds_and_gives_the_lease_back(world):
    world.apply()
    assert world.operator.stop() == 0
    assert world.get("lease", "paceline-operator")["spec"]["holderIdentity"] == ""


class TestRevisions:
    """Which template is applied, with ControllerRevisions that the real API server keeps."""

    @staticmethod
    def template(world):
        return world.children()["Deployment"]["spec"]["template"]

    @staticmethod
    def kept(world):
        found = world.get("controllerrevisions", *OURS)["items"]
        return sorted(one["revision"] for one in found)

    def test_a_spec_that_comes_back_brings_its_pods_back_and_history_is_in_order(self, world):
        world.apply()
        wait_until(lambda: len(world.children()) == 5, 30, "five children")
        before = self.template(world)
        world.apply(engine={"args": ["--x"], "custom": {"inference": "None"}})
        wait_until(lambda: self.template(world) != before, 20, "a new template")
        assert self.kept(world) == [1, 2]
        world.apply(engine={"custom": {"inference": "None"}})
        wait_until(lambda: self.template(world) == before, 20, "the template that it had")
        wait_until(lambda: self.kept(world) == [2, 3], 20, "the same two revisions")

    def test_a_changed_profile_alone_restarts_nothing_and_is_said(self, world):
        world.apply(replicas=0)
        wait_until(lambda: len(world.children()) == 5, 30, "five children")
        wait_until(lambda: world.condition("Progressing").get("reason") == "RolledOut", 30, "rolled out")
        before = self.template(world)
        moved = {**NOWHERE, "nodeSelector": {**NOWHERE["nodeSelector"], "zone": "b"}}
        world.operator.configure(configuration(world.namespace, profiles=[moved]))
        wait_until(lambda: world.condition("Progressing").get("reason") == "PendingDrift", 30, "it says what differs")
        assert "spec.nodeSelector.zone: nothing → b" in world.condition("Progressing")["message"]
        assert self.template(world) == before
        world.apply(replicas=0, rollout={"onOperatorUpgrade": "Auto"})
        wait_until(lambda: self.template(world) != before, 20, "now it is followed")

    def test_the_way_of_a_rollout_is_that_of_the_spec(self, world):
        world.apply(rollout={"strategy": "Recreate"})
        wait_until(lambda: len(world.children()) == 5, 30, "five children")
        assert world.children()["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
        world.apply(rollout={"maxSurge": 0, "maxUnavailable": 2})
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 2}}
        wait_until(lambda: world.children()["Deployment"]["spec"]["strategy"] == rolling, 20, "the other way")
        wait_until(lambda: world.status()["effective"]["strategy"] == "RollingUpdate +0/-2", 20, "it says so")
        world.apply(rollout={"strategy": "Recreate"})
        wait_until(lambda: world.children()["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}, 20, "and back")
