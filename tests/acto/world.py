"""Where cases are tried: pretended nodes, a class of priority, namespaces with a small quota, one operator.

No source of models is reached from here. Pods that look one up are kept from the node that would run them, and are
given the last words that answers.py has for them.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paceline.api.names import FETCH_ROLE
from paceline.kube.resources import PODS
from paceline.local import cluster as embedded
from tests.acto.answers import answered, status
from tests.acto.meaning import PRIORITY_CLASS, PROFILES
from tests.support.cluster import TestCluster
from tests.support.objects import Objects, objects_of
from tests.support.operator_process import OperatorProcess, configuration, operating
from tests.support.waiting import wait_until

#: So many cases at a time, each in a namespace of its own.
WORKERS = 8
#: A thousand replicas are a thousand Pods; the quota keeps them from coming.
_MOST_PODS = 20
_NODES = 2
_NODES_PATH = "/api/v1/nodes"
_MERGE = {"Content-Type": "application/merge-patch+json"}
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class World:
    """A cluster with an operator.

    Attributes:
        namespaces: It watches these.
        unwatched: And not this one, where the API server is only asked.
    """

    objects: Objects
    operator: OperatorProcess
    namespaces: tuple[str, ...]
    unwatched: str


@contextmanager
def prepared(cluster: TestCluster, folder: Path) -> Iterator[World]:
    """The world; its namespaces are gone afterwards, and the pretended nodes too."""
    assert cluster.local is not None, "the pretended nodes are those of an embedded cluster"
    unwatched, *names = (f"t-acto-{secrets.token_hex(3)}" for _ in range(WORKERS + 1))
    cluster.install_kinds()
    cluster.apply(_priority_class(), *(_namespace(name) for name in (unwatched, *names)))
    try:
        embedded.up(cluster.local.name, {"fake_nodes": _NODES})
        cluster.kubectl("wait", "--for=condition=Ready", "node", "-l", "type=kwok", "--timeout=60s")
        settings = _settings(names)
        with objects_of(cluster.kubeconfig) as objects, operating(folder, settings, cluster.kubeconfig) as operator:
            for name in names:
                objects.apply(_quota(name))
            wait_until(operator.leads, 20, "the operator leads")
            with _closed(objects), _answering(objects):
                yield World(objects, operator, tuple(names), unwatched)
    finally:
        cluster.kubectl("delete", "--wait=false", "namespace", unwatched, *names)
        embedded.up(cluster.local.name, {"fake_nodes": cluster.local.options.fake_nodes})


@contextmanager
def _closed(objects: Objects) -> Iterator[None]:
    """No pod comes to a node that would run it."""
    nodes = objects.client.get(_NODES_PATH, params={"labelSelector": "type!=kwok"}).json()["items"]
    real = [f"{_NODES_PATH}/{node['metadata']['name']}" for node in nodes]
    try:
        for path in real:
            _merge(objects, path, {"spec": {"unschedulable": True}})
        yield
    finally:
        for path in real:
            _merge(objects, path, {"spec": {"unschedulable": None}})


def _merge(objects: Objects, path: str, change: dict[str, Any]) -> None:
    answer = objects.client.patch(path, headers=_MERGE, json=change)
    assert answer.status_code in (200, 404), answer.text


@contextmanager
def _answering(objects: Objects) -> Iterator[None]:
    """Every pod that looks a model up finds it."""
    over = threading.Event()
    thread = threading.Thread(target=_answer, args=(objects, over), name="answers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _answer(objects: Objects, over: threading.Event) -> None:
    asking = {"labelSelector": f"app.kubernetes.io/component={FETCH_ROLE}"}
    while not over.wait(_LOOK_SECONDS):
        for pod in objects.client.get("/api/v1/pods", params=asking).json()["items"]:
            if not answered(pod):
                path = PODS.path(pod["metadata"]["namespace"], pod["metadata"]["name"], "status")
                _merge(objects, path, {"status": status(pod["spec"])})


def _settings(namespaces: Sequence[str]) -> dict[str, Any]:
    """Rates that are no brake, and a Lease that outlasts the pauses of a busy machine."""
    lease = {"leaseNamespace": namespaces[0], "leaseDurationSeconds": 40, "renewDeadlineSeconds": 30}
    return configuration(
        *namespaces, profiles=list(PROFILES.values()), api={"qps": 500, "burst": 1000}, leaderElection=lease
    )


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _priority_class() -> dict[str, Any]:
    about = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": PRIORITY_CLASS}}
    return {**about, "value": 1000, "globalDefault": False}


def _quota(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": namespace},
        "spec": {"hard": {"count/pods": str(_MOST_PODS)}},
    }
