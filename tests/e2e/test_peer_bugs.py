"""Bugs that peers have shipped, with pods that answer. The numbers are those of the design's list of peer bugs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.objects import Objects, objects_of
from tests.support.product import NAMESPACE, Product, condition, modeldeployment
from tests.support.recorder import recording

MODEL = "peer"
SELECTOR = f"paceline.dev/modeldeployment={MODEL}"


def manifest(*args: str, **spec: object) -> dict:
    return modeldeployment(MODEL, engine={"type": "Simulator", "args": ["--load-seconds=1", *args]}, **spec)


@pytest.fixture
def objects(product: Product) -> Iterator[Objects]:
    with objects_of(product.cluster.kubeconfig) as found:
        yield found


@pytest.fixture(autouse=True)
def removed(product: Product) -> Iterator[None]:
    yield
    product.delete("mdep", MODEL)
    product.eventually(lambda: not product.items("pod", "-l", SELECTOR), 120, "its pods are gone")


def status(product: Product) -> dict:
    return (product.find("mdep", MODEL) or {})["status"]


def is_so(product: Product, kind: str, status: str) -> bool:
    return condition(product.find("mdep", MODEL), kind).get("status") == status


def test_peer_bug_01_an_update_of_a_scaled_model_deletes_no_pod(product: Product, objects: Objects) -> None:
    """KServe: the update put replicas back to 1, and the autoscaler raised it again: 3 of 4 pods at once."""
    assert "replicas" not in manifest()["spec"], "as a manifest in Git leaves them to the autoscaler"
    product.apply(manifest())
    product.ready(MODEL)
    product.cluster.kubectl("scale", f"mdep/{MODEL}", "-n", NAMESPACE, "--replicas=3")
    product.eventually(
        lambda: (product.find("mdep", MODEL) or {})["status"]["readyReplicas"] == 3, 120, "three are ready"
    )
    with recording(objects.client, NAMESPACE, MODEL) as recorder:
        begun = time.monotonic()
        product.apply(manifest("--seed=5"))
        product.eventually(
            lambda: (
                condition(product.find("mdep", MODEL), "Progressing").get("reason") == "RolledOut"
                and is_so(product, "Ready", "True")
                and (product.find("mdep", MODEL) or {})["status"]["observedGeneration"] == 3
            ),
            240,
            "the change is rolled out",
        )
        assert recorder.fewest(begun) == 3
    assert (product.find("mdep", MODEL) or {})["spec"]["replicas"] == 3


def test_peer_bug_03_a_model_whose_pods_crash_is_not_ready(product: Product) -> None:
    """KServe: Ready stayed True while all pods were in CrashLoopBackOff."""
    product.apply(manifest(replicas=1))
    product.ready(MODEL)

    def crashing() -> bool:
        for pod in product.items("pod", "-l", SELECTOR):
            if any("running" in one.get("state", {}) for one in pod["status"].get("containerStatuses", [])):
                with suppress(FileNotFoundError, ProcessLookupError, AssertionError):  # it ended meanwhile
                    product.cluster.kill_container(pod["metadata"]["uid"])
        found = condition(product.find("mdep", MODEL), "Available")
        return (found.get("status"), found.get("reason")) == ("False", "EngineCrashing")

    product.eventually(crashing, 120, "it is not available, and why")
    assert is_so(product, "Ready", "False")
    product.ready(MODEL)


def test_peer_bug_16_back_in_mid_rollout_keeps_the_generation_that_serves(product: Product, objects: Objects) -> None:
    """Dynamo took the way back for the end of the rollout and deleted what served."""
    product.apply(manifest(replicas=2))
    product.ready(MODEL)
    with recording(objects.client, NAMESPACE, MODEL) as recorder:
        begun = time.monotonic()
        product.apply(manifest("--no-such-argument", replicas=2))
        product.eventually(
            lambda: condition(product.find("mdep", MODEL), "Ready").get("reason") == "EngineCrashing", 60, "it fails"
        )
        product.apply(manifest(replicas=2))
        product.ready(MODEL)
        assert recorder.fewest(begun) == 2
    assert len(product.items("pod", "-l", SELECTOR)) >= 2


def test_peer_bug_18_old_pods_alone_make_no_rollout_a_success(product: Product) -> None:
    """Dynamo said successful while only old pods were ready."""
    product.apply(manifest(replicas=1))
    product.ready(MODEL)
    product.apply(manifest("--no-such-argument", replicas=1))
    product.eventually(
        lambda: condition(product.find("mdep", MODEL), "Ready").get("reason") == "EngineCrashing", 60, "it fails"
    )
    assert is_so(product, "Available", "True"), "the old pod answers"
    assert is_so(product, "Ready", "False")
    revisions = status(product)["revisions"]
    assert revisions["candidate"]["replicas"] == 0
    assert revisions["stable"]["replicas"] == 1
