"""One cluster with the installed product for the whole tier."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from paceline.local import envoy, llamaserver
from tests.support.cluster import remove_abandoned, running, unique_name
from tests.support.product import Product, install

#: CPUs and memory that this machine has, unlike what the profile is meant for.
_SMALL = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    remove_abandoned()
    with running(unique_name()) as cluster:
        assert cluster.local is not None
        values = {
            "images": {"llamaCpp": llamaserver.REFERENCE, "envoy": envoy.REFERENCE},
            "profiles": {"cpu": {"resources": _SMALL}},
            # test_node_drained.py drives everything else away.
            "operator": {"tolerations": [{"key": "example.com/spot", "operator": "Exists"}]},
            # There is nobody here who makes volumes.
            "ledger": {"persistence": {"enabled": False}},
            "fetch": {"allowedNetworks": [f"{cluster.local.host}/32"]},
        }
        yield install(cluster, values)
