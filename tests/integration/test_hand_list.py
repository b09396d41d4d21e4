"""Bad input that is no wrong field: what tenants write where only we or Kubernetes should, and objects of odd size.

Wrong fields are in test_admission.py, wrong worlds in test_bad_input.py.
"""

from __future__ import annotations

import json

import pytest

from paceline.api.names import child_name
from tests.support.lives import model
from tests.support.waiting import wait_until

NAMED_SECONDS = 30
FINALIZER = "example.com/keep"
#: Bookkeeping as kopf, and as we, write it, put there by somebody else.
FORGED = {
    "kopf.zalando.org/last-handled-configuration": '{"spec":{"replicas":99}}',
    "kopf.dev/progress": '{"seen":{"success":true}}',
    "paceline.dev/applied-digest": "sha256:" + "0" * 64,
    "paceline.dev/finalizer": "x",
}
STRANGER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "absent", "uid": "0b1c0b1c-0b1c-4b1c-8b1c-0b1c0b1c0b1c"}
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Forged",
    "message": "all is well",
    "observedGeneration": 1,
    "lastTransitionTime": "2001-01-01T00:00:00Z",
}


def named(world, name="chat"):
    """Conditions of the operator's own are there."""
    found = world.get("modeldeployment", name).get("status", {})
    return any(one["reason"] == "NoCapacity" for one in found.get("conditions", []))


def settled(world, name="chat"):
    wait_until(lambda: named(world, name), NAMED_SECONDS, "the operator has looked at it", every=0.3)


def test_annotations_finalizers_and_a_status_that_tenants_forge_change_nothing(world):
    metadata = {"name": "chat", "annotations": FORGED, "finalizers": [FINALIZER], "labels": {"example.com/team": "a"}}
    forged = {**model(), "status": {"readyReplicas": 7, "conditions": [READY]}}
    world.cluster.apply({**forged, "metadata": metadata}, namespace=world.namespace)
    settled(world)
    assert len(world.children()) == 5
    assert world.children()["Deployment"]["spec"]["replicas"] == 1
    assert world.get("modeldeployment", "chat")["metadata"]["finalizers"] == [FINALIZER], "theirs, and no other"

    status = json.dumps({"status": {"readyReplicas": 7, "conditions": [READY]}})
    patch = ("patch", "mdep", "chat", "-n", world.namespace, "--subresource=status", "--type=merge", "-p", status)
    world.cluster.kubectl(*patch)
    wait_until(
        lambda: world.condition("Ready").get("status") == "False" and world.status().get("readyReplicas") != 7,
        NAMED_SECONDS,
        "a status that a tenant wrote is overwritten",
    )

    # The race of a deletion: somebody else's finalizer holds the object, and a child goes meanwhile.
    world.cluster.kubectl("delete", "mdep", "chat", "-n", world.namespace, "--wait=false")
    world.cluster.kubectl("delete", "service", child_name(world.namespace, "chat"), "-n", world.namespace)
    resyncs = "paceline_resync_duration_seconds_count"
    before = world.operator.metric(resyncs)
    wait_until(lambda: world.operator.metric(resyncs) > before + 1, 30, "it has been compared", every=0.5)
    assert "Service" not in world.children(), "nothing is made for an object that goes"
    world.cluster.kubectl("patch", "mdep", "chat", "-n", world.namespace, "--type=merge", "-p", FREED)
    wait_until(lambda: not world.children(), 60, "nothing is left", every=0.3)


FREED = json.dumps({"metadata": {"finalizers": None}})


def test_an_owner_that_does_not_exist_takes_the_object_and_its_children_with_it(world):
    metadata = {"name": "chat", "ownerReferences": [STRANGER]}
    world.cluster.apply({**model(), "metadata": metadata}, namespace=world.namespace)
    gone = ("get", "mdep", "chat", "-n", world.namespace, "--ignore-not-found", "-o", "name")
    wait_until(lambda: not world.cluster.kubectl(*gone), 60, "Kubernetes collects it", every=0.3)
    wait_until(lambda: not world.children(), 60, "nothing is left", every=0.3)
    assert world.operator.alive


def test_generated_and_shortest_names_smallest_quantities_and_templates_of_300_kib_are_brought_about(world):
    made = world.cluster.kubectl(
        *("create", "-n", world.namespace, "-f", "-", "-o", "json"),
        stdin=json.dumps({**model(), "metadata": {"generateName": "many-"}}),
    )
    large = {"args": [f"--{number}={'x' * 4000}" for number in range(75)], "custom": {"inference": "None"}}
    world.cluster.kubectl(
        *("apply", "--server-side", "-n", world.namespace, "-f", "-"), stdin=json.dumps(model("large", engine=large))
    )
    world.cluster.apply(
        model("a", template={"resources": {"requests": {"cpu": "0.1m"}}}), namespace=world.namespace
    )  # and the smallest quantity
    for name in (json.loads(made)["metadata"]["name"], "large", "a"):
        settled(world, name)
    deployment = world.get("deployment", child_name(world.namespace, "large"))
    assert deployment["spec"]["template"]["spec"]["containers"][0]["args"] == large["args"]
    smallest = world.get("deployment", child_name(world.namespace, "a"))["spec"]["template"]["spec"]["containers"][0]
    assert smallest["resources"]["requests"]["cpu"] == "1m", "Kubernetes rounds it up"
    assert len(json.dumps(deployment["metadata"]["annotations"])) < 1000, "no copy of it in an annotation"


#: By name: what the schema cannot refuse, the condition's reason, and words of its message.
LATE = {
    "huge": ({"resources": {"requests": {"cpu": "1e309"}}}, "InvalidSpec", "1e309"),
    "label": ({"labels": {f"example.com/{'k' * 64}": "a"}}, "ApplyRefused", "k" * 64),
}


def test_what_the_schema_lets_through_is_a_condition_with_its_remedy(world):
    for name, (template, _, _) in LATE.items():
        world.cluster.apply(model(name, template=template), namespace=world.namespace)
    for name, (_, reason, says) in LATE.items():

        def seen(name=name):
            found = world.get("modeldeployment", name).get("status", {}).get("conditions", [])
            return next((one for one in found if one["type"] == "Accepted" and one["status"] == "False"), None)

        accepted = wait_until(seen, NAMED_SECONDS, f"{name} is refused", every=0.3)
        print(f"{name}: {accepted['reason']}: {accepted['message']}")
        assert accepted["reason"] == reason
        assert says in accepted["message"]


def test_an_object_of_more_than_etcd_takes_is_refused_in_words(world):
    huge = {**model(), "metadata": {"name": "chat", "annotations": {"example.com/huge": "x" * 1_400_000}}}
    with pytest.raises(AssertionError, match=r"metadata\.annotations: Too long: may not be more than 262144 bytes"):
        world.cluster.kubectl("create", "-n", world.namespace, "-f", "-", stdin=json.dumps(huge))
