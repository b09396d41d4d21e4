"""F15: a node is drained, and one is taken away by a taint after a short notice.

PACELINE_TEST_SIZE=full waits for the end of the drain, and takes the node away as well.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from paceline.local import binaries
from tests.support.load import users
from tests.support.objects import objects_of
from tests.support.product import Product, condition, modeldeployment
from tests.support.recorder import recording

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
NODE = "local"
MODEL = "drained"
SELECTOR = f"paceline.dev/modeldeployment={MODEL}"
NAMED_SECONDS = 30.0
#: The operator tolerates it (see the fixture `product`), so that only the model's pods have to go.
SPOT = "example.com/spot"

pytestmark = pytest.mark.timeout(400)


def manifest(replicas: int) -> dict[str, object]:
    engine = {"type": "Simulator", "args": ["--load-seconds=1"]}
    return modeldeployment(MODEL, replicas=replicas, engine=engine, lifecycle={"drainSeconds": 60})


@pytest.fixture(autouse=True)
def restored(product: Product) -> Iterator[None]:
    yield
    product.cluster.kubectl("uncordon", NODE)
    if SPOT in str(product.cluster.get("node", NODE)["spec"].get("taints")):
        product.cluster.kubectl("taint", "node", NODE, f"{SPOT}-")
    product.delete("mdep", MODEL)
    product.eventually(lambda: not product.items("pod", "-l", SELECTOR), 120, "its pods are gone")


def test_a_drain_takes_one_replica_at_a_time_and_no_request_fails(product: Product, tmp_path: Path) -> None:
    product.apply(manifest(2))
    product.ready(MODEL)
    said = tmp_path / "drain"
    command = [str(binaries.ensure("kubectl")), f"--kubeconfig={product.cluster.kubeconfig}", "drain", NODE]
    command += [f"--pod-selector={SELECTOR}", "--delete-emptydir-data", "--timeout=200s"]
    with (
        objects_of(product.cluster.kubeconfig) as objects,
        recording(objects.client, "models", MODEL) as recorder,
        users(product.url(MODEL), MODEL, 10.0) as load,
        said.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as drain,
    ):
        begun = time.monotonic()
        try:
            product.eventually(lambda: "Cannot evict pod" in said.read_text(), 60, "the budget stops the drain")
            product.eventually(lambda: short(product), NAMED_SECONDS, "the condition names what is missing")
            product.cluster.kubectl("uncordon", NODE)
            if FULL:
                assert drain.wait(timeout=200) == 0, said.read_text()
        finally:
            drain.kill()
        product.ready(MODEL, 120)
        assert recorder.fewest(begun) == 1
    assert load.failures == []
    assert load.answered == load.sent > 0


def short(product: Product) -> bool:
    """One replica has no node, and the other one serves."""
    found = product.find("mdep", MODEL)
    progressing = condition(found, "Progressing")
    return (
        condition(found, "Available").get("status") == "True"
        and progressing.get("reason") == "NoCapacity"
        and "unschedulable" in progressing["message"]
    )


@pytest.mark.skipif(not FULL, reason="one long answer and two starts take half a minute: PACELINE_TEST_SIZE=full")
def test_a_node_taken_away_lets_answers_end_and_is_named_and_the_model_comes_back(product: Product) -> None:
    product.apply(manifest(1))
    product.ready(MODEL)
    client = openai.OpenAI(base_url=f"{product.url(MODEL)}/v1", api_key="unused", max_retries=0)
    stream = client.completions.create(
        model=MODEL, prompt="a long story", max_tokens=600, stream=True, extra_body={"ignore_eos": True}
    )
    events = iter(stream)
    next(events)
    product.cluster.kubectl("taint", "node", NODE, f"{SPOT}=gone:NoExecute")
    product.eventually(
        lambda: any("deletionTimestamp" in pod["metadata"] for pod in product.items("pod", "-l", SELECTOR)),
        20,
        "it has to go",
    )
    rest = list(events)
    assert rest[-1].choices[0].finish_reason == "length", "the answer ended as it should"
    client.close()
    named = product.eventually(
        lambda: (seen := condition(product.find("mdep", MODEL), "Available")).get("reason") == "NoCapacity" and seen,
        NAMED_SECONDS,
        "the condition names it",
    )
    assert "taint" in named["message"]
    product.cluster.kubectl("taint", "node", NODE, f"{SPOT}-")
    product.ready(MODEL, 120)
