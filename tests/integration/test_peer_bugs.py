"""Bugs that peers have shipped, replayed on our kind. The numbers are those of the design's list of peer bugs.

Those that need pods which answer are in tests/e2e/test_peer_bugs.py.
"""

from __future__ import annotations

import json

import pytest
import yaml

from tests.support.helm import case
from tests.support.lives import OURS, World, model
from tests.support.operator_process import configuration
from tests.support.waiting import wait_until


def settled(world: World) -> None:
    """All children are there, and the status says that no node fits."""
    wait_until(lambda: world.condition("Available").get("reason") == "NoCapacity", 30, "settled")


def quiet(world: World) -> None:
    """Two looks without a write, longer apart than a resync (5 s)."""
    before = -1

    def same() -> bool:
        nonlocal before
        last, before = before, world.writes()
        return last == before

    wait_until(same, 60, "nothing is written any more", every=6)


def deployment(world: World) -> dict:
    return world.children()["Deployment"]


def arguments(world: World) -> list[str]:
    return deployment(world)["spec"]["template"]["spec"]["containers"][0].get("args", [])


def test_peer_bug_02_foreign_labels_and_annotations_start_no_fight(world):
    """KServe reset what others put on the Deployment, and they put it back."""
    world.apply()
    settled(world)
    name = deployment(world)["metadata"]["name"]
    world.cluster.kubectl("label", "deployment", name, "-n", world.namespace, "example.com/mesh=on")
    world.cluster.kubectl("annotate", "deployment", name, "-n", world.namespace, "example.com/note=kept")
    quiet(world)
    metadata = deployment(world)["metadata"]
    assert metadata["labels"]["example.com/mesh"] == "on"
    assert metadata["annotations"]["example.com/note"] == "kept"


def test_peer_bug_04_one_object_does_not_make_ever_more_revisions(world):
    """KServe made hundreds of revisions of one object: each look rendered a little otherwise."""
    world.apply()
    settled(world)
    for seconds in (901, 902, 903):
        metadata = {"metadata": {"annotations": {"example.com/touched": str(seconds)}}}
        patch = json.dumps(metadata)
        world.cluster.kubectl("patch", "mdep", "chat", "-n", world.namespace, "--type=merge", "-p", patch)
    world.operator.kill()
    world.operator.start()
    wait_until(world.operator.leads, 20, "it leads again")
    quiet(world)
    assert len(world.get("controllerrevisions", *OURS)["items"]) == 1
    assert deployment(world)["metadata"]["generation"] == 1


def test_peer_bug_05_an_object_whose_profile_is_gone_can_be_deleted(world):
    """A dependency was looked up before the deletion: the object stayed in Terminating for ever."""
    world.apply()
    settled(world)
    world.operator.configure(configuration(world.namespace, profiles=[]))
    wait_until(lambda: world.condition("Accepted").get("reason") == "UnknownProfile", 30, "the profile is gone")
    world.cluster.kubectl("delete", "mdep", "chat", "-n", world.namespace, "--timeout=20s")
    wait_until(lambda: not world.children(), 60, "the children are gone")


def test_peer_bug_05_deletion_needs_no_operator(world):
    world.apply()
    settled(world)
    world.operator.kill()
    world.cluster.kubectl("delete", "mdep", "chat", "-n", world.namespace, "--timeout=20s")
    wait_until(lambda: not world.children(), 60, "the children are gone")


def test_peer_bug_17_a_replace_that_wipes_annotations_and_status_loses_nothing(world):
    """State was kept in annotations; after a replace the old generation was never removed."""
    world.apply()
    settled(world)
    world.apply(engine={"args": ["--x"], "custom": {"inference": "None"}})
    wait_until(lambda: len(world.get("controllerrevisions", *OURS)["items"]) == 2, 30, "a second revision")
    wait_until(lambda: arguments(world) == ["--x"], 30, "its template, which comes after it")
    before = deployment(world)["spec"]["template"]
    world.cluster.kubectl("annotate", "mdep", "chat", "-n", world.namespace, "example.com/note=1")
    live = world.get("mdep", "chat")
    bare = {
        **model(engine={"args": ["--x"], "custom": {"inference": "None"}}),
        "metadata": {"name": "chat", "resourceVersion": live["metadata"]["resourceVersion"]},
    }
    world.cluster.kubectl("replace", "-n", world.namespace, "-f", "-", stdin=json.dumps(bare))
    name = deployment(world)["metadata"]["name"]
    wiped = json.dumps({"metadata": {"annotations": {"paceline.dev/applied-digest": None}}})
    world.cluster.kubectl("patch", "deployment", name, "-n", world.namespace, "--type=merge", "-p", wiped)
    quiet(world)
    assert deployment(world)["spec"]["template"] == before
    assert sorted(one["revision"] for one in world.get("controllerrevisions", *OURS)["items"]) == [1, 2]


def test_peer_bug_19_an_operator_of_some_namespaces_leaves_the_others_alone(world, cluster):
    """A cluster-wide operator also reconciled the namespaces of a restricted one."""
    other = f"{world.namespace}-other"
    cluster.kubectl("create", "namespace", other)
    try:
        cluster.apply(model(), namespace=other)
        world.apply()
        settled(world)
        quiet(world)
        assert "status" not in cluster.get("mdep", "chat", "-n", other)
        assert cluster.get("deployments", "-n", other)["items"] == []
    finally:
        cluster.kubectl("delete", "namespace", other, "--wait=false")


@pytest.mark.parametrize("values", ["default", "full", "cluster"])
def test_peer_bug_20_no_webhook_stands_between_users_and_the_api_server(values):
    """A single-replica, fail-closed webhook blocked all writes while its operator restarted."""
    kinds = {one["kind"] for one in case(values) if one}
    assert not kinds & {"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService"}
    assert "Deployment" in kinds, yaml.safe_dump(sorted(kinds))


def test_peer_bug_20_writes_are_taken_while_the_operator_is_down(world):
    world.apply()
    settled(world)
    world.operator.kill()
    world.apply(replicas=2)
    world.operator.start()
    wait_until(lambda: deployment(world)["spec"]["replicas"] == 2, 30, "what was written meanwhile is done")


def test_peer_bug_23_an_autoscaler_that_writes_scale_is_not_fought(world):
    """The whole spec of the Deployment was replaced at each look: 41 scale-ups in 14 minutes against an HPA."""
    world.apply()
    settled(world)
    for wanted in (2, 3, 4):
        world.cluster.kubectl("scale", "mdep", "chat", "-n", world.namespace, f"--replicas={wanted}")
        wait_until(lambda wanted=wanted: deployment(world)["spec"]["replicas"] == wanted, 20, f"{wanted} replicas")
    generation = deployment(world)["metadata"]["generation"]
    quiet(world)
    assert world.get("mdep", "chat")["spec"]["replicas"] == 4, "the operator writes no spec"
    assert deployment(world)["metadata"]["generation"] == generation
