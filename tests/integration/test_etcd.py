"""F12 and F13: etcd stands still, dies, and comes back from an older backup.

The cluster is the file's own. Its etcd, and for the backup everything, is stopped beneath the operator, which runs
beside it. PACELINE_TEST_SIZE=full stops etcd for 30 s instead of 6.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from paceline.kube.resources import CONTROLLERREVISIONS, DEPLOYMENTS, MODELDEPLOYMENTS
from paceline.local import cluster as embedded
from paceline.local.paths import Folders
from tests.support.cluster import TestCluster, remove_abandoned, running, unique_name
from tests.support.embedded import kill, processes
from tests.support.objects import Objects, objects_of
from tests.support.operator_process import OperatorProcess, configuration, operating
from tests.support.product import condition, modeldeployment
from tests.support.waiting import wait_until

STOP_SECONDS = 30.0 if os.environ.get("PACELINE_TEST_SIZE") == "full" else 6.0
#: What the table of faults allows from the end of the fault.
HEALED_SECONDS = 60.0
NAMESPACE = "models"


@dataclass(frozen=True)
class World:
    """A cluster, and the operator that works on it as one process throughout."""

    cluster: TestCluster
    objects: Objects
    operator: OperatorProcess

    @property
    def name(self) -> str:
        assert self.cluster.local is not None
        return self.cluster.local.name

    def want(self, model: str, replicas: int, *args: str) -> None:
        spec = {"replicas": replicas, "hardware": {"profile": "nowhere"}, "engine": {"args": list(args)}}
        self.objects.apply(modeldeployment(model, NAMESPACE, **spec))

    def converged(self, model: str, replicas: int, *args: str) -> float:
        """Wait until Deployment and status are as wanted; the seconds it took."""
        begun = time.monotonic()
        wait_until(lambda: self.is_so(model, replicas, args), HEALED_SECONDS, f"{model}: {self.operator.tail}", 0.3)
        return time.monotonic() - begun

    def is_so(self, model: str, replicas: int, args: tuple[str, ...]) -> bool:
        assert self.operator.alive, self.operator.tail
        try:
            found = self.objects.model(NAMESPACE, model)
            deployments = self.deployments(model)
        except (httpx.TransportError, AssertionError):  # it comes up
            return False
        applied = [
            (one["spec"]["replicas"], [arg for arg in container(one)["args"] if arg in ("--seed=1", "--seed=2")])
            for one in deployments
        ]
        said = condition(found, "Ready").get("observedGeneration") == found.get("metadata", {}).get("generation", -1)
        return applied == [(replicas, list(args))] and said

    def deployments(self, model: str) -> list[dict[str, Any]]:
        return self.objects.all(DEPLOYMENTS, NAMESPACE, f"paceline.dev/modeldeployment={model}")

    def up(self) -> None:
        assert embedded.up(self.name).state == "Running"


def container(deployment: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    remove_abandoned()
    folder = tmp_path_factory.mktemp("operator")
    with running(unique_name()) as cluster:
        cluster.install_kinds()
        cluster.kubectl("create", "namespace", NAMESPACE)
        with (
            objects_of(cluster.kubeconfig) as objects,
            operating(folder, configuration(NAMESPACE), cluster.kubeconfig) as operator,
        ):
            wait_until(operator.leads, 20, "it leads")
            yield World(cluster, objects, operator)


@pytest.fixture
def model(world: World) -> Any:
    """A model that is brought about; the operator must outlive the test as the same living process."""
    pid = world.operator.pid
    name = f"m-{secrets.token_hex(3)}"
    world.want(name, 1, "--seed=1")
    world.converged(name, 1, "--seed=1")
    yield name
    assert world.operator.alive, world.operator.tail
    assert world.operator.pid == pid
    assert world.operator.get("/healthz") == 200


def test_f12_an_etcd_that_stands_still_and_then_dies_costs_no_work(world: World, model: str) -> None:
    etcd = processes(world.name)["etcd"]
    etcd.send(signal.SIGSTOP)
    stopped = time.monotonic()

    def over() -> bool:
        assert world.operator.get("/healthz") == 200, "nothing kills an operator that waits"
        return time.monotonic() - stopped > STOP_SECONDS

    wait_until(over, STOP_SECONDS + 10, "etcd stands still", every=0.5)
    etcd.send(signal.SIGCONT)
    wait_until(lambda: wanted(world, model, 2), 30, "the API server takes writes again", every=0.3)
    print(f"converged {world.converged(model, 2, '--seed=1'):.1f} s after etcd went on")
    kill(world.name, "etcd")
    world.up()
    world.want(model, 3, "--seed=1")
    print(f"converged {world.converged(model, 3, '--seed=1'):.1f} s after etcd was restarted")


def wanted(world: World, model: str, replicas: int) -> bool:
    try:
        world.want(model, replicas, "--seed=1")
    except (httpx.TransportError, AssertionError):
        return False
    return True


def test_f13_an_etcd_restored_from_an_older_backup_is_followed_and_nothing_is_destroyed(
    world: World, model: str, tmp_path: Path
) -> None:
    late = f"{model}-late"
    deleted = f"{model}-deleted"
    world.want(deleted, 1, "--seed=1")
    world.converged(deleted, 1, "--seed=1")
    before = children(world, model, deleted)
    data = Folders.of(world.name).state / "etcd"
    kill(world.name)
    shutil.copytree(data, tmp_path / "backup")
    world.up()

    world.want(model, 3, "--seed=2")
    world.want(late, 1, "--seed=1")
    world.objects.delete(MODELDEPLOYMENTS, NAMESPACE, deleted)
    world.converged(model, 3, "--seed=2")
    world.converged(late, 1, "--seed=1")
    wait_until(lambda: not world.deployments(deleted), 30, "it went with its children")
    for number in range(50):  # so that the versions of the backup are not soon reached again
        world.objects.patch(MODELDEPLOYMENTS, NAMESPACE, late, {"metadata": {"annotations": {"n": str(number)}}})

    kill(world.name)
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "backup", data)
    world.up()
    restored = time.monotonic()
    for name in (model, deleted):
        world.converged(name, 1, "--seed=1")
    world.want(model, 2, "--seed=1")
    world.converged(model, 2, "--seed=1")
    print(f"converged {time.monotonic() - restored:.1f} s after the backup came back")
    assert world.objects.model(NAMESPACE, late) == {}
    assert world.deployments(late) == []
    assert children(world, model, deleted) == before, "the very objects of the backup"
    wait_until(lambda: not world.objects.children(NAMESPACE, late), 30, "nothing of what the backup does not know")


def children(world: World, *models: str) -> set[tuple[str, str]]:
    """Name and uid of the Deployments and revisions of models."""
    return {
        (one["metadata"]["name"], one["metadata"]["uid"])
        for model in models
        for resource in (DEPLOYMENTS, CONTROLLERREVISIONS)
        for one in world.objects.all(resource, NAMESPACE, f"paceline.dev/modeldeployment={model}")
    }
