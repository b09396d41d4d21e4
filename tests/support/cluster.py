"""A cluster for tests that need a real Kubernetes.

By default each test session has an embedded cluster of its own, made when the first test asks for it
and removed at the end. Two variables change that:

- PACELINE_TEST_CLUSTER=NAME: the embedded cluster of that name, which is left running afterwards.
- PACELINE_TEST_KUBECONFIG=PATH: any other cluster. KUBECONFIG itself is never used, for it may name
  a cluster that people depend on.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from paceline.local import binaries, cgroups, images, state
from paceline.local import cluster as embedded
from tests.support.tree import ROOT
from tests.support.waiting import wait_until

_PREFIX = "t-"


@dataclass(frozen=True)
class TestCluster:
    """A running cluster.

    Attributes:
        kubeconfig: Of its administrator.
        local: The embedded cluster; None for a cluster that was brought along.
    """

    __test__ = False

    kubeconfig: Path
    local: embedded.Cluster | None

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it prints.

        Raises:
            AssertionError: kubectl failed; with its words.
        """
        argv = [str(binaries.ensure("kubectl")), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}"
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """`kubectl get … -o json`, decoded."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, *manifests: dict[str, Any], namespace: str = "default") -> None:
        """Apply manifests."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(items))

    def install_kinds(self) -> None:
        """Apply our CRDs as this checkout has them."""
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
        # Not `kubectl wait`, which gives up on an object that has no conditions yet.
        wait_until(lambda: "Established" in self._conditions("crd", "modeldeployments.paceline.dev"), 60, "the CRD")

    def _conditions(self, *what: str) -> list[str]:
        """The conditions of an object that are True."""
        found = self.get(*what).get("status", {}).get("conditions") or []
        return [each["type"] for each in found if each["status"] == "True"]

    def kill_container(self, pod_uid: str) -> None:
        """SIGKILL the main process of each container of a pod, its pause container aside."""
        assert self.local is not None, "only an embedded cluster's processes can be reached"
        killed = 0
        for pid in _container_processes(self.local.name, pod_uid):
            os.kill(pid, signal.SIGKILL)
            killed += 1
        assert killed, f"no process of pod {pod_uid} was found"


def _container_processes(name: str, pod_uid: str) -> Iterator[int]:
    """The first process of each container of a pod."""
    # In one tree only: each holds the same processes.
    tracking = next(folder for folder in cgroups.folders(name) if any(folder.glob(f"**/pod{pod_uid}/*/")))
    for file in tracking.glob(f"**/pod{pod_uid}/*/cgroup.procs"):
        pids = sorted(int(pid) for pid in file.read_text().split())
        if pids and Path(f"/proc/{pids[0]}/comm").read_text().strip() != "pause":
            yield pids[0]


@contextmanager
def running(name: str, **options: Any) -> Iterator[TestCluster]:
    """An embedded cluster that is removed afterwards, whatever happens."""
    try:
        local = embedded.up(name, options)
        yield TestCluster(local.kubeconfig, local)
    finally:
        embedded.down(name)


def unique_name() -> str:
    """A name that tells which process made the cluster."""
    return f"{_PREFIX}{os.getpid()}-{secrets.token_hex(2)}"


def remove_abandoned() -> None:
    """Remove clusters of test sessions that were killed."""
    for name in state.known():
        pid = name.removeprefix(_PREFIX).partition("-")[0]
        if name.startswith(_PREFIX) and pid.isdigit() and not Path(f"/proc/{pid}").exists():
            embedded.down(name)


@pytest.fixture(scope="session")
def cluster() -> Iterator[TestCluster]:
    """The cluster of this test session."""
    if path := os.environ.get("PACELINE_TEST_KUBECONFIG"):
        yield TestCluster(Path(path), None)
    elif name := os.environ.get("PACELINE_TEST_CLUSTER"):
        local = embedded.up(name)
        yield TestCluster(local.kubeconfig, local)
    else:
        remove_abandoned()
        with running(unique_name(), audit=True) as made:
            yield made


@pytest.fixture
def namespace(cluster: TestCluster) -> Iterator[str]:
    """A namespace for one test, removed afterwards without waiting."""
    name = f"{_PREFIX}{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def paceline_image(cluster: TestCluster) -> str:
    """Reference of paceline's image, present in the cluster with the checkout's content."""
    reference = images.ensure()
    if cluster.local is not None:
        images.load(cluster.local, reference)
    return reference
