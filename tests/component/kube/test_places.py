"""Lists of nodes and quotas are shared for a moment."""

import asyncio

import pytest

from paceline.kube.places import Places
from tests.support.apiserver import FakeApiServer
from tests.support.worlds import Clock, client


@pytest.fixture
async def server():
    async with FakeApiServer().running() as server:
        yield server


async def test_models_that_are_made_together_cost_one_list(server, tmp_path):
    clock = Clock()
    server.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}})
    async with client(server, tmp_path) as api:
        places = Places(api, lambda: True, clock)
        found = await asyncio.gather(*(places.look("ml") for _ in range(20)))
        assert {len(each.nodes) for each in found} == {1}
        assert len(server.calls) == 2
        await places.look("other")
        assert [call.path for call in server.calls][2:] == ["/api/v1/namespaces/other/resourcequotas"]
        clock.forward(5)
        await places.look("ml")
        assert len(server.calls) == 5
