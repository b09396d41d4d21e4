"""A model's whole life as its user sees it, on a real kubelet, with the operator in its own pod."""

from __future__ import annotations

import os
import random
import time
import zlib
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.product import NAMESPACE, SYSTEM, Product, is_ready, modeldeployment

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
CHILDREN = (
    "deployments,services,poddisruptionbudgets,serviceaccounts,replicasets,pods,endpointslices,controllerrevisions"
)


def children(product: Product, name: str) -> list[str]:
    """What exists of a model, as kind/name."""
    found = product.items(CHILDREN, "-l", f"paceline.dev/modeldeployment={name}")
    return [f"{each['kind']}/{each['metadata']['name']}" for each in found]


@pytest.fixture
def model(product: Product, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name for a model, deleted afterwards."""
    name = f"m-{zlib.crc32(request.node.name.encode()):08x}"
    yield name
    if product.find("mdep", name):
        product.delete("mdep", name)


def test_apply_gives_a_ready_model_that_streams_and_delete_leaves_nothing(product: Product, model: str) -> None:
    url = product.serve(model, replicas=2)
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0)
    stream = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "What does a Kubernetes operator do?"}],
        max_tokens=32,
        stream=True,
        stream_options={"include_usage": True},
    )
    events = list(stream)
    client.close()
    texts = [e.choices[0].delta.content for e in events if e.choices and e.choices[0].delta.content]
    assert len(texts) > 1, "the answer came in one piece, not as a stream"
    assert events[-1].usage is not None
    assert 0 < events[-1].usage.completion_tokens <= 32

    found = product.find("mdep", model)
    assert found is not None
    assert found["status"]["display"]["replicas"] == "2/2"
    product.delete("mdep", model)
    product.eventually(lambda: not children(product, model), 60, f"nothing is left: {children(product, model)}")


def test_the_scale_subresource_changes_the_replicas(product: Product, model: str) -> None:
    product.serve(model)
    product.cluster.kubectl("scale", f"mdep/{model}", "-n", NAMESPACE, "--replicas=3")
    product.eventually(
        lambda: (product.ready(model)["status"]["display"]["replicas"]) == "3/3", 90, "three replicas answer"
    )
    product.cluster.kubectl("scale", f"mdep/{model}", "-n", NAMESPACE, "--replicas=0")
    product.eventually(lambda: not product.items("pod", "-l", f"paceline.dev/modeldeployment={model}"), 90, "no pod")
    assert is_ready(product.ready(model)), "at zero on purpose is Ready"


def test_latency_columns_come_from_the_engines_own_histograms(product: Product, model: str) -> None:
    url = product.serve(model)
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0)

    def figures() -> Any:
        client.completions.create(model=model, prompt="one two three", max_tokens=16)
        return ((product.find("mdep", model) or {}).get("status") or {}).get("slo")

    slo = product.eventually(figures, 60, "status.slo appears")
    client.close()
    assert slo["source"] == "Engine"
    assert 0 < float(slo["ttftMilliseconds"]["p95"]) < 1000
    assert 0 < float(slo["tpotMilliseconds"]["p95"]) < 1000


def end_state(product: Product, name: str) -> dict[str, Any]:
    """What the children say that does not differ from run to run."""
    found = product.items(
        "deployments,services,poddisruptionbudgets,serviceaccounts", "-l", f"paceline.dev/modeldeployment={name}"
    )
    return {
        each["kind"]: {
            "labels": {k: v.replace(name, "NAME") for k, v in each["metadata"]["labels"].items()},
            "replicas": each.get("spec", {}).get("replicas"),
            "owners": [o["kind"] for o in each["metadata"]["ownerReferences"]],
        }
        for each in found
    }


@pytest.mark.timeout(1500)
def test_the_operator_killed_at_random_points_reaches_the_same_end_state(product: Product) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    kills = 20 if FULL else 2
    product.serve("undisturbed", replicas=2)
    want = end_state(product, "undisturbed")
    try:
        for count in range(kills):
            name = f"killed-{count}"
            product.apply(modeldeployment(name, replicas=1))
            wait_until = time.monotonic() + chance.uniform(0.0, 2.0)
            product.eventually(lambda until=wait_until: time.monotonic() > until, 5, "the moment to kill")
            kill_operator(product)
            product.apply(modeldeployment(name, replicas=2))
            product.ready(name, seconds=120)
            assert end_state(product, name) == want, f"seed {seed}, kill {count}"
            product.delete("mdep", name)
            product.eventually(lambda n=name: not children(product, n), 60, f"nothing is left of {name}")
    finally:
        product.delete("mdep", "undisturbed")


def kill_operator(product: Product) -> None:
    """SIGKILL to the operator's process from the node, so that nothing is said to it first.

    Its pod goes too: the kubelet would let a container that dies often wait for minutes.
    """
    pods = product.items("pod", "-l", "app.kubernetes.io/component=operator", namespace=SYSTEM)
    assert pods, "the operator's pod is there"
    for pod in pods:
        product.cluster.kill_container(pod["metadata"]["uid"])
        product.cluster.kubectl(
            "delete", "pod", pod["metadata"]["name"], "-n", SYSTEM, "--grace-period=0", "--force", "--ignore-not-found"
        )
