"""The operator killed without warning, again and again, in the middle of its work: the end is as if it had not been.

The seed of the moments is printed. PACELINE_TEST_SIZE=full kills 24 times instead of 4.
"""

from __future__ import annotations

import difflib
import json
import os
import random
import re
import secrets
import time

import pytest

from paceline.api.names import child_name
from paceline.kube.resources import DEPLOYMENTS, MODELDEPLOYMENTS
from tests.support.objects import objects_of
from tests.support.operator_process import OperatorProcess, configuration
from tests.support.product import condition, modeldeployment
from tests.support.waiting import wait_until

KILLS = 24 if os.environ.get("PACELINE_TEST_SIZE") == "full" else 4
#: From the start of a process to its last write about a handful of models; the moment to kill lies within.
BUSY_SECONDS = 3.0
MODELS = 4
#: What differs from object to object although it was made in the same way.
OF_ONE_OBJECT = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "selfLink")


@pytest.fixture(scope="module")
def objects(cluster):
    cluster.install_kinds()
    with objects_of(cluster.kubeconfig) as objects:
        yield objects


@pytest.fixture
def operator(cluster, namespace, tmp_path):
    process = OperatorProcess(tmp_path, configuration(namespace), cluster.kubeconfig, "one-pod")
    yield process
    process.kill()


def want(objects, namespace, name, replicas):
    spec = {"replicas": replicas, "hardware": {"profile": "nowhere"}}
    objects.apply(modeldeployment(name, namespace, **spec))


def settled(objects, namespace, name, replicas):
    """Deployment and status are of the current generation."""
    found = objects.model(namespace, name)
    deployments = objects.all(DEPLOYMENTS, namespace, f"paceline.dev/modeldeployment={name}")
    ready = condition(found, "Ready")
    return (
        [each["spec"]["replicas"] for each in deployments] == [replicas]
        and ready.get("observedGeneration") == found["metadata"]["generation"]
        and ready["reason"] == "NoCapacity"
    )


def end_state(objects, namespace, name):
    """Everything that was applied for a model, and its conditions, without what tells one object from another."""
    own = child_name(namespace, name)
    children = [{**child, "status": None} for child in objects.children(namespace, name)]
    for child in children:
        child["metadata"] = {key: value for key, value in child["metadata"].items() if key not in OF_ONE_OBJECT}
        child["metadata"].pop("annotations", None)  # digests of names
        child["metadata"]["ownerReferences"] = [{**each, "uid": ""} for each in child["metadata"]["ownerReferences"]]
        for key in ("clusterIP", "clusterIPs"):
            child.get("spec", {}).pop(key, None)
    said = objects.model(namespace, name)["status"]["conditions"]
    conditions = [(each["type"], each["status"], each["reason"]) for each in said]
    text = json.dumps([children, conditions], sort_keys=True).replace(own, "CHILD").replace(name, "MODEL")
    text = re.sub(r"CHILD-[0-9a-f]{8}", "REVISION", text)  # its digest covers the names in it
    return without_revision(json.loads(text))


def without_revision(value):
    """The digest of a pod template covers its own name."""
    if isinstance(value, dict):
        return {key: without_revision(each) for key, each in value.items() if key != "paceline.dev/revision"}
    return [without_revision(each) for each in value] if isinstance(value, list) else value


def reaches(objects, namespace, name, expected, seed):
    """Children of an earlier object of that name go when Kubernetes collects them, which may take a moment."""

    def differences():
        texts = [json.dumps(each, indent=1, sort_keys=True).splitlines() for each in (expected, found())]
        return "\n".join(line for line in difflib.unified_diff(*texts, "undisturbed", name, n=2, lineterm=""))

    def found():
        return end_state(objects, namespace, name)

    try:
        wait_until(lambda: found() == expected, 30, "the same end state", every=0.5)
    except AssertionError:
        raise AssertionError(f"seed {seed}:\n{differences()}") from None


def pause(seconds):
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > until, seconds + 30, "the moment to kill", every=0.02)


def step(objects, namespace, names, chance):
    """Something that users do: scale, or delete and perhaps make anew."""
    for name in names:
        choice = chance.random()
        if choice < 0.3:
            objects.delete(MODELDEPLOYMENTS, namespace, name)
        if choice < 0.15 or choice >= 0.3:
            wait_until(
                lambda name=name: "deletionTimestamp" not in objects.model(namespace, name).get("metadata", {}),
                20,
                f"{name} is gone",
            )
            want(objects, namespace, name, chance.randint(1, 4))  # from 0 on, Kubernetes calls it no rollout


@pytest.mark.timeout(900)
def test_an_operator_killed_at_random_moments_reaches_the_undisturbed_end_state(objects, namespace, operator):
    seed = int(os.environ.get("PACELINE_TEST_SEED", random.randrange(10**6)))
    chance = random.Random(seed)
    print(f"seed {seed}: PACELINE_TEST_SEED={seed} repeats it")
    undisturbed, *names = (f"m{number}-{secrets.token_hex(2)}" for number in range(MODELS + 1))
    operator.start()
    operator.ready()
    want(objects, namespace, undisturbed, 2)
    wait_until(lambda: settled(objects, namespace, undisturbed, 2), 40, "the undisturbed one is settled", every=0.3)
    expected = end_state(objects, namespace, undisturbed)

    for _ in range(KILLS):
        step(objects, namespace, names, chance)
        pause(chance.uniform(0.0, BUSY_SECONDS))
        operator.kill()
        step(objects, namespace, names, chance)  # while nobody looks
        operator.start()
        if chance.random() < 0.5:
            operator.ready()  # else the next kill may come before it leads

    operator.ready()
    for name in names:
        want(objects, namespace, name, 2)
    for name in names:
        wait_until(lambda name=name: settled(objects, namespace, name, 2), 60, f"{name}: {operator.tail}", every=0.3)
        reaches(objects, namespace, name, expected, seed)
    everything = objects.all(DEPLOYMENTS, namespace)
    assert len(everything) == MODELS + 1, "nothing is there twice"
    for name in (undisturbed, *names):
        objects.delete(MODELDEPLOYMENTS, namespace, name)
    wait_until(
        lambda: not [child for name in (undisturbed, *names) for child in objects.children(namespace, name)],
        60,
        "nothing is left",
        every=0.5,
    )
