"""The cluster of the session with fake machines, and somebody who watches all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from paceline.kube.resources import NODES
from paceline.local import cluster as embedded
from tests.examiner.batch import Examiner
from tests.examiner.room import Hall
from tests.examiner.tower import watching
from tests.support.cluster import TestCluster
from tests.support.objects import Objects, objects_of

_MACHINES = 2


@pytest.fixture(scope="package")
def hall(cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    if cluster.local is None:
        pytest.skip("fake machines can only be added to an embedded cluster")
    embedded.up(cluster.local.name, {"fake_nodes": _MACHINES})
    try:
        cluster.install_kinds()
        with objects_of(cluster.kubeconfig) as objects, pretended(objects), watching(objects.client) as tower:
            yield Hall(cluster.kubeconfig, objects, tower, tmp_path_factory.mktemp("examiner"))
    finally:
        embedded.up(cluster.local.name, {"fake_nodes": 0})


@contextmanager
def pretended(objects: Objects) -> Iterator[None]:
    """Pods of Gateways, which choose no machine, come to the fake ones, where nothing of them runs."""
    real = []
    for node in objects.client.get(NODES.path(None)).json()["items"]:
        metadata = node["metadata"]
        fake = (metadata.get("labels") or {}).get("type") == "kwok"
        if not fake:
            real.append(metadata["name"])
        _change(objects, metadata["name"], {"taints": None} if fake else {"unschedulable": True})
    try:
        yield
    finally:
        for name in real:
            _change(objects, name, {"unschedulable": None})


def _change(objects: Objects, node: str, spec: dict[str, object]) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = objects.client.patch(NODES.path(None, node), json={"spec": spec}, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="package")
def examiner(hall: Hall) -> Examiner:
    return Examiner(hall)
