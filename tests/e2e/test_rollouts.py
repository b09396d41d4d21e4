"""Nobody notices a change: image, arguments, back in mid-rollout, and scaling, under load, without a retry."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from paceline.local.paths import Folders
from paceline.local.shell import run
from tests.support.load import users
from tests.support.objects import Objects, objects_of
from tests.support.product import NAMESPACE, Product, condition, modeldeployment
from tests.support.recorder import Recorder, recording

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
REQUESTS = 2000 if FULL else 300
PER_SECOND = 25.0
MODEL = "changing"

Record = Callable[[str, object], None]

pytestmark = pytest.mark.timeout(900)


def manifest(replicas: int = 3, args: tuple[str, ...] = (), **engine: Any) -> dict[str, Any]:
    return modeldeployment(
        MODEL,
        replicas=replicas,
        engine={"type": "Simulator", "args": ["--load-seconds=2", *args], **engine},
        lifecycle={"drainSeconds": 60},
    )


@pytest.fixture
def objects(product: Product) -> Iterator[Objects]:
    with objects_of(product.cluster.kubeconfig) as found:
        yield found


@contextmanager
def served(product: Product, objects: Objects, record: Record) -> Iterator[Recorder]:
    """Three replicas under load; at the end every request must have been answered whole."""
    product.apply(manifest())
    product.ready(MODEL)
    try:
        with (
            recording(objects.client, NAMESPACE, MODEL) as recorder,
            users(product.url(MODEL), MODEL, PER_SECOND) as load,
        ):
            yield recorder
            product.eventually(lambda: load.sent >= REQUESTS, 300, f"{REQUESTS} requests are sent")
        assert load.failures == []
        assert load.answered == load.sent
        record("requests", f"{load.sent} sent, {load.answered} answered whole, {len(load.failures)} failed or cut")
    finally:
        product.delete("mdep", MODEL)
        product.eventually(lambda: not product.items("pod", "-l", selector()), 120, "its pods are gone")


def selector() -> str:
    return f"paceline.dev/modeldeployment={MODEL}"


def rolled_out(product: Product) -> Callable[[], bool]:
    """Ready for the current spec, and no pod of another revision left."""

    def look() -> bool:
        found = product.find("mdep", MODEL)
        done = condition(found, "Progressing")
        pods = product.items("pod", "-l", selector())
        revisions = {pod["metadata"]["labels"]["paceline.dev/revision"] for pod in pods}
        return (
            done.get("reason") == "RolledOut"
            and done["observedGeneration"] == (found or {})["metadata"]["generation"]
            and len(revisions) == 1
        )

    return look


def test_a_change_of_arguments_fails_no_request(product: Product, objects: Objects, record_property: Record) -> None:
    with served(product, objects, record_property) as recorder:
        begun = time.monotonic()
        product.apply(manifest(args=("--seed=2",)))
        product.eventually(rolled_out(product), 240, "the new revision is rolled out")
        assert recorder.fewest(begun) >= 3


def test_a_change_of_the_image_fails_no_request(product: Product, objects: Objects, record_property: Record) -> None:
    local = product.cluster.local
    assert local is not None
    other, socket = "localhost/paceline:other", Folders.of(local.name).socket
    run(
        "ctr", "--address", socket, "--namespace", "k8s.io", "images", "tag", "--force", "localhost/paceline:dev", other
    )
    with served(product, objects, record_property) as recorder:
        begun = time.monotonic()
        product.apply(manifest(image=other))
        product.eventually(rolled_out(product), 240, "the new revision is rolled out")
        assert recorder.fewest(begun) >= 3


def test_going_back_in_the_middle_of_a_rollout_fails_no_request(
    product: Product, objects: Objects, record_property: Record
) -> None:
    with served(product, objects, record_property) as recorder:
        begun = time.monotonic()
        product.apply(manifest(args=("--seed=3",)))
        half_way = {"candidate", "stable"}
        product.eventually(
            lambda: ((product.find("mdep", MODEL) or {}).get("status") or {}).get("revisions", {}).keys() == half_way,
            60,
            "both revisions have pods",
        )
        product.eventually(lambda: len(product.items("pod", "-l", selector())) > 3, 60, "a pod more is there")
        product.apply(manifest())
        product.eventually(rolled_out(product), 240, "the old revision is back")
        assert recorder.fewest(begun) >= 3
        kept = product.items("controllerrevisions", "-l", selector())
        assert sorted(one["revision"] for one in kept) == [2, 3]


def test_scaling_down_and_up_fails_no_request(product: Product, objects: Objects, record_property: Record) -> None:
    with served(product, objects, record_property) as recorder:
        begun = time.monotonic()
        product.cluster.kubectl("scale", f"mdep/{MODEL}", "-n", NAMESPACE, "--replicas=1")
        product.eventually(lambda: len(product.items("pod", "-l", selector())) == 1, 240, "one is left")
        product.cluster.kubectl("scale", f"mdep/{MODEL}", "-n", NAMESPACE, "--replicas=3")
        product.eventually(rolled_out(product), 120, "three answer again")
        product.eventually(lambda: recorder.counts[-1][1] == 3, 60, "three are ready")
        assert recorder.fewest(begun) >= 1
