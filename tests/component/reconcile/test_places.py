"""Nodes and quotas before a pod is made: asked only while pods are to come, and healed when there is a place."""

import pytest

from paceline.kube import places
from paceline.settings import OperatorSettings
from tests.support.apiserver import Fault
from tests.support.worlds import condition, configuration, model

GPU = "nvidia.com/gpu"
PROFILE = {"name": "cpu", "acceleratorResource": GPU, "capacity": "Fixed", "nodeSelector": {"board": "h100"}}
LISTS = ("/api/v1/nodes", "/api/v1/namespaces/ml/resourcequotas")


def node(gpus, name="n1"):
    status = {"allocatable": {"cpu": "64", GPU: str(gpus)}}
    metadata = {"name": name, "labels": {"board": "h100"}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status}


def quota(**hard):
    metadata = {"name": "team", "namespace": "ml"}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}}


def wanting(gpus, **spec):
    return model(hardware={"profile": "cpu", "count": gpus}, **spec)


def lists(world):
    return [call.path for call in world.server.calls if call.path in LISTS]


@pytest.fixture
def fixed(world, monkeypatch):
    """An operator that sees nodes and keeps no list; the profile's accelerators are all that there will be."""
    monkeypatch.setattr(places, "_LASTS_SECONDS", 0.0)
    world.settings = OperatorSettings.model_validate({**configuration(), "profiles": [PROFILE], "readNodes": True})
    world.server.put(wanting(8))
    return world


async def served(world):
    await world.reconcile()
    world.pods_become_ready()
    await world.reconcile()
    assert condition(world.server, "Ready")["status"] == "True"


async def test_without_a_node_there_is_no_pod_until_one_comes(fixed):
    fixed.server.put(node(4))
    outcome = await fixed.reconcile()
    assert fixed.server.all("Deployment") == []
    fits = condition(fixed.server, "Fits")
    assert (fits["status"], fits["reason"]) == ("False", "NoFittingNode")
    assert f"has 4 {GPU}, 8 are asked. Add such a node" in fits["message"]
    assert condition(fixed.server, "Ready")["reason"] == "NoFittingNode"
    assert outcome.again_after == 15.0
    assert not outcome.failed
    fixed.server.put(node(8, "n2"))
    await fixed.reconcile()
    assert len(fixed.server.all("Deployment")) == 1
    assert condition(fixed.server, "Fits")["status"] == "Unknown", "the image is not looked into"


async def test_a_quota_that_never_has_room_is_said_until_it_is_raised(fixed):
    fixed.server.put(node(8))
    fixed.server.put(quota(**{f"requests.{GPU}": "4"}))
    await fixed.reconcile()
    assert fixed.server.all("Deployment") == []
    assert condition(fixed.server, "Fits")["reason"] == "QuotaTooSmall"
    assert 'ResourceQuota "team" allows no replica' in condition(fixed.server, "Fits")["message"]
    fixed.server.put(quota(**{f"requests.{GPU}": "8"}))
    await fixed.reconcile()
    assert len(fixed.server.all("Deployment")) == 1


async def test_a_quota_for_some_replicas_is_said_as_long_as_some_are_missing(fixed):
    fixed.server.put(node(8))
    fixed.server.put(quota(pods="1"))
    fixed.server.put(wanting(8, replicas=2))
    await fixed.reconcile()
    fixed.pods_become_ready()
    await fixed.reconcile()
    assert 'ResourceQuota "team" allows 1 of 2 replicas' in condition(fixed.server, "Fits")["message"]
    fixed.server.put(wanting(8))
    await fixed.reconcile()
    assert "ResourceQuota" not in condition(fixed.server, "Fits")["message"]


async def test_what_serves_is_not_refused_when_its_node_goes(fixed):
    fixed.server.put(node(8))
    await served(fixed)
    before = fixed.server.all("Deployment")
    fixed.server.remove(fixed.server.all("Node")[0])
    fixed.server.put({**before[0], "status": {**before[0]["status"], "availableReplicas": 0}})
    await fixed.reconcile()
    assert condition(fixed.server, "Fits")["status"] == "Unknown"
    assert "No node of 0 can take one replica" in condition(fixed.server, "Fits")["message"]
    assert fixed.server.all("Deployment")[0]["spec"] == before[0]["spec"]


async def test_a_revision_without_a_node_leaves_the_one_before_it_serving(fixed):
    fixed.server.put(node(8))
    await served(fixed)
    before = fixed.server.all("Deployment")
    fixed.server.put(wanting(16))
    await fixed.reconcile()
    assert condition(fixed.server, "Ready")["reason"] == "NoFittingNode"
    assert condition(fixed.server, "Available")["status"] == "True"
    assert fixed.server.all("Deployment")[0]["spec"] == before[0]["spec"]


async def test_a_model_that_is_served_costs_no_list(fixed):
    fixed.server.put(node(8))
    await served(fixed)
    before = lists(fixed)
    for _ in range(3):
        await fixed.reconcile()
    assert lists(fixed) == before
    assert set(before) == set(LISTS)


async def test_zero_replicas_need_no_place(fixed):
    fixed.server.put(wanting(8, replicas=0))
    await fixed.reconcile()
    assert lists(fixed) == []
    assert len(fixed.server.all("Deployment")) == 1


async def test_nodes_are_not_asked_for_without_the_right(fixed):
    fixed.settings = fixed.settings.model_copy(update={"read_nodes": False})
    await fixed.reconcile()
    assert lists(fixed) == [LISTS[1]]
    assert len(fixed.server.all("Deployment")) == 1
    assert "node" not in condition(fixed.server, "Fits")["message"]


async def test_quotas_that_may_not_be_read_do_not_count(fixed):
    fixed.server.put(node(8))
    fixed.server.put(quota(pods="0"))
    words = 'resourcequotas is forbidden: User "me" cannot list resource "resourcequotas"'
    fixed.server.faults.append(Fault(lambda call: "resourcequotas" in call.path, status=403, message=words))
    await fixed.reconcile()
    assert len(fixed.server.all("Deployment")) == 1
