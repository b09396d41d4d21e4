"""Builders for tests of the operator's runtime: objects, clients and whole operators against the fake API server."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from paceline.handlers import Watcher
from paceline.kube.client import Api, Fence, NoFence
from paceline.kube.connection import Connection
from paceline.kube.rate import Ceiling
from paceline.reconcile.runtime import Operator
from paceline.settings import OperatorSettings
from tests.support.apiserver import FakeApiServer
from tests.support.ports import free_port

Json = dict[str, Any]


class Clock:
    """A clock that a test moves."""

    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += seconds


class Closed:
    """A fence that lets nothing through."""

    def remaining(self) -> float:
        return 0.0


def model(name: str = "chat", namespace: str = "ml", **spec: Any) -> Json:
    """A ModelDeployment that needs no probing: Ready follows its pods."""
    return {
        "apiVersion": "paceline.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "model": {"uri": "image://localhost/engine:1"},
            "hardware": {"profile": "cpu"},
            "engine": {"custom": {"inference": "None"}},
            **spec,
        },
    }


def child(
    kind: str = "Service", name: str = "chat-1", owner: str = "chat", owner_uid: str = "uid-1", **rest: Any
) -> Json:
    """A child as the API server shows it."""
    versions = {"Deployment": "apps/v1", "PodDisruptionBudget": "policy/v1", "EndpointSlice": "discovery.k8s.io/v1"}
    return {
        "apiVersion": versions.get(kind, "v1"),
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "ml",
            "labels": {"app.kubernetes.io/managed-by": "paceline", "paceline.dev/modeldeployment": owner},
            "ownerReferences": [
                {
                    "apiVersion": "paceline.dev/v1alpha1", "kind": "ModelDeployment", "name": owner, "uid": owner_uid,
                    "controller": True, "blockOwnerDeletion": True,
                }
            ],
        },
        **rest,
    }  # fmt: skip


def configuration(**changes: Any) -> Json:
    """A configuration file with short times."""
    return {
        "watch": {"mode": "Namespaced", "namespaces": ["ml"]},
        "leaderElection": {
            "leaseNamespace": "ml", "leaseDurationSeconds": 3, "renewDeadlineSeconds": 2, "retryPeriodSeconds": 1,
        },
        "resyncSeconds": 60,
        "server": {"host": "127.0.0.1", "metricsPort": free_port(), "healthPort": free_port()},
        "profiles": [{"name": "cpu", "pricePerHour": "0.5", "resources": {"requests": {"cpu": "1"}}}],
        **changes,
    }  # fmt: skip


async def eventually(condition: Callable[[], Any | Awaitable[Any]], seconds: float = 10.0, what: str = "") -> Any:
    """Wait for a condition to hold, polling."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert loop.time() < end, f"not within {seconds} s: {what or inspect.getsource(condition).strip()}"
        await asyncio.sleep(0.02)


async def stays(condition: Callable[[], Any], seconds: float = 0.3, what: str = "") -> None:
    """Watch a condition hold all the time, for things that must not happen."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        assert condition(), f"did not hold for {seconds} s: {what or inspect.getsource(condition).strip()}"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def client(server: FakeApiServer, folder: Path, fence: Fence | None = None, **options: Any) -> AsyncIterator[Api]:
    """A client of the fake server."""
    connection = Connection(server.kubeconfig(folder))
    await connection.load()
    api = Api(connection, fence=fence or NoFence(), ceiling=Ceiling(10_000, 10_000), **options)
    try:
        yield api
    finally:
        await api.close()


class Silent:
    """A watcher that sees nothing: what it would have said, the resync finds."""

    def __init__(self, *_: object) -> None:
        pass

    def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def restart(self) -> None:
        pass


@asynccontextmanager
async def operator(
    server: FakeApiServer, folder: Path, *, watcher: Any = None, identity: str = "one", config: Json | None = None
) -> AsyncIterator[Operator]:
    """An operator in this process, stopped at the end."""
    path = folder / f"config-{identity}.yaml"
    path.write_text(yaml.safe_dump(config or configuration()))
    connection = Connection(server.kubeconfig(folder))
    await connection.load()
    made = Operator(path, OperatorSettings.load(path), connection, identity, watcher or Watcher)
    stop = asyncio.Event()
    task = asyncio.create_task(made.run(stop))
    try:
        await eventually(lambda: made.health.ready or task.done(), what="the cache is primed")
        yield made
    finally:
        stop.set()
        await asyncio.wait_for(task, 5)


def status(server: FakeApiServer, name: str = "chat") -> Json:
    found = server.get("ModelDeployment", "ml", name)
    return dict((found or {}).get("status") or {})


def condition(server: FakeApiServer, kind: str, name: str = "chat") -> Json:
    return next((one for one in status(server, name).get("conditions") or () if one["type"] == kind), {})
