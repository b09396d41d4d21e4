"""The cluster of the session with fake machines, and somebody who watches all of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from paceline.local import cluster as embedded
from tests.examiner.batch import Examiner
from tests.examiner.room import Hall
from tests.examiner.tower import watching
from tests.support.cluster import TestCluster
from tests.support.objects import objects_of

_MACHINES = 2


@pytest.fixture(scope="package")
def hall(cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    if cluster.local is None:
        pytest.skip("fake machines can only be added to an embedded cluster")
    embedded.up(cluster.local.name, {"fake_nodes": _MACHINES})
    try:
        cluster.install_kinds()
        with objects_of(cluster.kubeconfig) as objects, watching(objects.client) as tower:
            yield Hall(cluster.kubeconfig, objects, tower, tmp_path_factory.mktemp("examiner"))
    finally:
        embedded.up(cluster.local.name, {"fake_nodes": 0})


@pytest.fixture(scope="package")
def examiner(hall: Hall) -> Examiner:
    return Examiner(hall)
