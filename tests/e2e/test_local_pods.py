"""What runs in a local cluster: pods, their names and addresses, pretended GPUs, fake nodes."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from paceline.local import cluster as embedded
from paceline.local.gpus import PRODUCT
from paceline.local.node import HOST_NAME, PAUSE_IMAGE
from tests.support.cluster import TestCluster

# The first test may have to build the image.
pytestmark = pytest.mark.timeout(600)


def pod(name: str, image: str, *command: str, **limits: str) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "c", "image": image, "imagePullPolicy": "IfNotPresent"}
    if command:
        container["command"] = list(command)
    container["resources"] = {"limits": limits}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0, "restartPolicy": "Never"},
    }


def eventually(look: Callable[[], Any], good: Callable[[Any], bool], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if good(seen):
            return seen
        assert time.monotonic() < deadline, seen
        time.sleep(0.2)


@pytest.fixture
def python(cluster: TestCluster, namespace: str, paceline_image: str) -> Callable[[str], str]:
    """Run Python source in a pod of the cluster and return what it prints."""

    def run(source: str) -> str:
        cluster.apply(pod("probe", paceline_image, "python3", "-c", source), namespace=namespace)
        done = eventually(
            lambda: cluster.get("pod", "probe", "-n", namespace)["status"],
            lambda status: status["phase"] in {"Succeeded", "Failed"},
        )
        said = cluster.kubectl("logs", "probe", "-n", namespace)
        assert done["phase"] == "Succeeded", said
        return said

    return run


def test_a_pod_resolves_and_reaches_services_and_so_does_the_host(
    cluster: TestCluster, namespace: str, paceline_image: str, python: Callable[[str], str]
) -> None:
    server = pod("server", paceline_image, "python3", "-m", "http.server", "8000")
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8000}]},
    }
    cluster.apply(server, service, namespace=namespace)
    address = cluster.get("service", "web", "-n", namespace)["spec"]["clusterIP"]
    cluster.kubectl("wait", "--for=condition=Ready", "pod/server", "-n", namespace, "--timeout=60s")

    def answers() -> bool:
        try:
            return httpx.get(f"http://{address}/", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    eventually(answers, bool)
    said = python(
        "import urllib.request as u\n"
        f"for name in ('web', 'web.{namespace}', 'web.{namespace}.svc', 'web.{namespace}.svc.cluster.local'):\n"
        "    print(u.urlopen(f'http://{name}/', timeout=20).status)\n"
    )
    assert said.split() == ["200"] * 4


def test_a_pod_reaches_its_own_service(cluster: TestCluster, namespace: str, paceline_image: str) -> None:
    source = (
        "import http.server, threading, time, urllib.request as u\n"
        "s = http.server.ThreadingHTTPServer(('', 8000), http.server.SimpleHTTPRequestHandler)\n"
        "threading.Thread(target=s.serve_forever, daemon=True).start()\n"
        "for _ in range(100):\n"
        "    try:\n"
        "        print(u.urlopen('http://self/', timeout=2).status); break\n"
        "    except OSError: time.sleep(0.2)\n"
    )
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "self"},
        "spec": {"selector": {"app": "me"}, "ports": [{"port": 80, "targetPort": 8000}]},
    }
    cluster.apply(service, pod("me", paceline_image, "python3", "-c", source), namespace=namespace)
    eventually(lambda: cluster.kubectl("logs", "me", "-n", namespace, "--ignore-errors"), lambda said: "200" in said)


@pytest.fixture
def host_server(cluster: TestCluster) -> Iterator[int]:
    """Port of a server on the host."""
    assert cluster.local is not None
    address = (cluster.local.host, 0)
    with http.server.ThreadingHTTPServer(address, http.server.SimpleHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_pod_reaches_the_host_by_name(host_server: int, python: Callable[[str], str]) -> None:
    said = python(
        f"import urllib.request as u; print(u.urlopen('http://{HOST_NAME}:{host_server}/', timeout=9).status)"
    )
    assert said.split() == ["200"]


def test_names_and_addresses_outside_fail_at_once(python: Callable[[str], str]) -> None:
    said = python(
        "import socket, time\n"
        "for attempt in (lambda: socket.getaddrinfo('example.com', 80),\n"
        "                lambda: socket.create_connection(('192.0.2.77', 80), timeout=20)):\n"
        "    t = time.monotonic()\n"
        "    try: attempt(); print('reached')\n"
        "    except OSError: print('quick' if time.monotonic() - t < 3 else 'slow')\n"
    )
    assert said.split() == ["quick", "quick"]


def test_a_pod_runs_with_pretended_gpus_and_one_too_many_waits(cluster: TestCluster, namespace: str) -> None:
    node = cluster.get("node", "local")
    assert node["metadata"]["labels"]["nvidia.com/gpu.product"] == PRODUCT
    gpu = "nvidia.com/gpu"
    cluster.apply(pod("six", PAUSE_IMAGE, **{gpu: "6"}), namespace=namespace)
    cluster.kubectl("wait", "--for=condition=Ready", "pod/six", "-n", namespace, "--timeout=60s")
    cluster.apply(pod("three", PAUSE_IMAGE, **{gpu: "3"}), namespace=namespace)
    status = eventually(
        lambda: cluster.get("pod", "three", "-n", namespace)["status"], lambda status: bool(status.get("conditions"))
    )
    assert "Insufficient nvidia.com/gpu" in status["conditions"][0]["message"]


def test_a_pod_that_requests_disk_runs(cluster: TestCluster, namespace: str) -> None:
    cluster.apply(pod("fetching", PAUSE_IMAGE, **{"ephemeral-storage": "64Mi"}), namespace=namespace)
    cluster.kubectl("wait", "--for=condition=Ready", "pod/fetching", "-n", namespace, "--timeout=60s")
    size = cluster.get("node", "local")["status"]["allocatable"]["ephemeral-storage"]
    assert int(size) > 2**30, "bytes of this machine's disk"


def test_fake_nodes_take_gpu_pods_only_and_come_and_go(cluster: TestCluster, namespace: str) -> None:
    assert cluster.local is not None
    name = cluster.local.name
    embedded.up(name, {"fake_nodes": 3})
    try:
        nodes = eventually(
            lambda: cluster.get("nodes", "-l", "type=kwok")["items"],
            lambda items: len(items) == 3 and all(item["status"].get("conditions") for item in items),
        )
        assert {node["status"]["capacity"]["nvidia.com/gpu"] for node in nodes} == {"8"}
        big = pod("big", "localhost/never-pulled:1", cpu="64", **{"nvidia.com/gpu": "8"})
        big["spec"]["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
        cluster.apply(big, namespace=namespace)
        cluster.kubectl("wait", "--for=condition=Ready", "pod/big", "-n", namespace, "--timeout=60s")
        found = cluster.get("pod", "big", "-n", namespace)
        assert found["spec"]["nodeName"].startswith("fake-")
        plain = pod("plain", PAUSE_IMAGE)
        cluster.apply(plain, namespace=namespace)
        cluster.kubectl("wait", "--for=condition=Ready", "pod/plain", "-n", namespace, "--timeout=60s")
        assert cluster.get("pod", "plain", "-n", namespace)["spec"]["nodeName"] == "local"
    finally:
        embedded.up(name, {"fake_nodes": 0})
    assert [node["metadata"]["name"] for node in cluster.get("nodes")["items"]] == ["local"]


def test_a_killed_container_is_seen_and_its_pod_ends(cluster: TestCluster, namespace: str, paceline_image: str) -> None:
    cluster.apply(pod("victim", paceline_image, "sleep", "600"), namespace=namespace)
    cluster.kubectl("wait", "--for=condition=Ready", "pod/victim", "-n", namespace, "--timeout=60s")
    cluster.kill_container(cluster.get("pod", "victim", "-n", namespace)["metadata"]["uid"])
    status = eventually(
        lambda: cluster.get("pod", "victim", "-n", namespace)["status"], lambda status: status["phase"] == "Failed"
    )
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137
