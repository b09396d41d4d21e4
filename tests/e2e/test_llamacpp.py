"""A real model served by the real llama-server, through the manifest that any other model has."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from paceline.local import llamaserver
from paceline.local.node import HOST_NAME
from tests.support import tinymodel
from tests.support.product import NAMESPACE, Product, condition, modeldeployment
from tests.support.webserver import Asked, Reply, WebServer

# The first test may have to build llama-server.
pytestmark = pytest.mark.timeout(1500)

FILE = "tiny.gguf"
CLAIM = "tiny-models"


@pytest.fixture(scope="module")
def llama(product: Product) -> Product:
    """The product on a cluster that has llama.cpp's image."""
    assert product.cluster.local is not None
    llamaserver.load(product.cluster.local)
    return product


@pytest.fixture(scope="module")
def claim(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A volume of this machine that holds the model, as somebody has put it there: in a folder of its own."""
    folder = tmp_path_factory.mktemp("volume")
    (folder / "tiny").mkdir()
    tinymodel.write(folder / "tiny" / FILE)
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o755)
    capacity, modes = {"storage": "1Gi"}, ["ReadOnlyMany"]
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": CLAIM},
        "spec": {
            "capacity": capacity,
            "accessModes": modes,
            "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": NAMESPACE, "name": CLAIM},
            "hostPath": {"path": str(folder)},
        },
    }
    claimed = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM, "namespace": NAMESPACE},
        "spec": {
            "accessModes": modes,
            "storageClassName": "",
            "volumeName": CLAIM,
            "resources": {"requests": capacity},
        },
    }
    product.apply(volume)
    product.apply(claimed)
    yield CLAIM
    product.delete("pvc", CLAIM)
    product.cluster.kubectl("delete", "pv", CLAIM)


@pytest.fixture
def host(product: Product, tmp_path: Path) -> Iterator[WebServer]:
    """A web server on the host's end of the cluster's network, with the model."""
    assert product.cluster.local is not None
    content = tinymodel.write(tmp_path / FILE).read_bytes()

    def answer(asked: Asked) -> Reply:
        return Reply(body=content) if asked.path == f"/{FILE}" else Reply(status=404)

    server = WebServer(answer, host=product.cluster.local.host)
    yield server
    server.close()


@pytest.fixture
def name(product: Product, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name for the model, deleted afterwards. At once: it would finish its answers for five minutes."""
    name = "tiny-" + ("web" if "host" in request.fixturenames else "volume")
    yield name
    product.delete("mdep", name)
    product.cluster.kubectl(
        *("delete", "pod", "-n", NAMESPACE, "-l", f"paceline.dev/modeldeployment={name}"),
        *("--grace-period=0", "--force", "--ignore-not-found"),
    )


def is_true(found: dict[str, Any], kind: str) -> bool:
    return condition(found, kind).get("status") == "True"


def stream(url: str, model: str) -> list[tuple[float, str]]:
    """The answer to a chat: when each piece came, and the piece."""
    begun = time.monotonic()
    with openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        chunks = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Who are you?"}], stream=True
        )
        timed = ((time.monotonic() - begun, chunk.choices[0].delta.content) for chunk in chunks if chunk.choices)
        return [(seconds, piece) for seconds, piece in timed if piece]


def test_a_gguf_file_on_a_volume_is_served_and_streams(llama: Product, claim: str, name: str) -> None:
    spec = {"model": {"uri": f"pvc://{claim}/tiny", "file": FILE}, "hardware": {"profile": "cpu"}}
    llama.apply(modeldeployment(name, **spec))
    found = llama.ready(name, seconds=240)
    assert is_true(found, "ModelResolved")
    assert is_true(found, "Fits")
    (pod,) = llama.items("pod", "-l", f"paceline.dev/modeldeployment={name},app.kubernetes.io/component=engine")
    (engine,) = pod["spec"]["containers"]
    assert (engine["image"], engine["command"]) == (llamaserver.REFERENCE, ["/app/llama-server"])
    assert "initContainers" not in pod["spec"], "it is read from the volume and not fetched"

    pieces = stream(llama.url(name), name)
    print("".join(f"\n{seconds * 1000:7.1f} ms {piece!r}" for seconds, piece in pieces))
    assert "".join(piece for _, piece in pieces).strip() == tinymodel.SENTENCE
    assert len(pieces) > 5, "the answer came in one piece, not as a stream"


def test_paceline_chat_shows_the_answer_and_no_figures_are_made_up(llama: Product, claim: str, name: str) -> None:
    spec = {"model": {"uri": f"pvc://{claim}/tiny", "file": FILE}, "hardware": {"profile": "cpu"}}
    llama.apply(modeldeployment(name, **spec))
    llama.ready(name, seconds=240)
    argv = [sys.executable, "-m", "paceline", "chat", name, "-n", NAMESPACE, "-m", "Who are you?"]
    environment = {**os.environ, "KUBECONFIG": str(llama.cluster.kubeconfig)}
    said = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)
    print(said.stdout, said.stderr)
    assert said.returncode == 0, said.stderr
    assert tinymodel.SENTENCE in said.stdout
    # llama-server has no histograms, so there is nothing that figures of all requests could come from.
    assert "slo" not in llama.ready(name)["status"]


def test_a_gguf_file_of_a_web_server_is_fetched_and_served(llama: Product, host: WebServer, name: str) -> None:
    uri = f"http://{HOST_NAME}:{host.port}/{FILE}"
    llama.apply(modeldeployment(name, model={"uri": uri}, hardware={"profile": "cpu"}))
    found = llama.ready(name, seconds=240)
    assert is_true(found, "ModelResolved")
    assert host.paths().count(f"/{FILE}") >= 2, "looked up, and fetched by the pod"
    answer = "".join(piece for _, piece in stream(llama.url(name), name))
    assert answer.strip() == tinymodel.SENTENCE
