"""Nodes and quotas of a real API server, before a pod is made: named, and healed by themselves within 30 s."""

from __future__ import annotations

import secrets

import pytest

from tests.support.lives import World
from tests.support.operator_process import configuration, operating
from tests.support.waiting import wait_until

HEALED_SECONDS = 30
BOARD = "paceline.dev/board"


@pytest.fixture
def board():
    """Its name is a label of its own, so that no other node has it."""
    return f"board-{secrets.token_hex(4)}"


@pytest.fixture
def world(cluster, namespace, tmp_path, board):
    cluster.install_kinds()
    boards = {"name": "boards", "capacity": "Fixed", "acceleratorResource": "example.com/board"}
    profile = {**boards, "nodeSelector": {BOARD: board}}
    settings = configuration(namespace, profiles=[profile], readNodes=True, resyncSeconds=60)
    with operating(tmp_path, settings, cluster.kubeconfig) as operator:
        wait_until(operator.leads, 20, "it leads")
        yield World(cluster, namespace, operator)


@pytest.fixture
def node(cluster, board):
    """Make a node that is nothing but an object."""

    def make(boards):
        amounts = {"cpu": "8", "memory": "8Gi", "pods": "10", "example.com/board": str(boards)}
        metadata = {"name": f"{board}-{boards}", "labels": {BOARD: board}}
        status = {"capacity": amounts, "allocatable": amounts}
        cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status}, namespace="default")

    yield make
    cluster.kubectl("delete", "nodes", "-l", f"{BOARD}={board}", "--wait=false")


def fits(world, reason):
    found = world.condition("Fits")
    return found if found.get("reason") == reason else None


def test_a_model_without_a_node_gets_no_pod_and_heals_when_one_comes(world, node):
    node(1)
    world.apply(hardware={"profile": "boards", "count": 2})
    found = wait_until(lambda: fits(world, "NoFittingNode"), 20, "the missing node is named")
    assert found["status"] == "False"
    assert "has 1 example.com/board, 2 are asked" in found["message"]
    assert "Deployment" not in world.children()
    node(2)
    wait_until(lambda: "Deployment" in world.children(), HEALED_SECONDS, "its pods are made")
    wait_until(lambda: fits(world, "SizeUnknown"), 10, "the image is not looked into")


def test_a_quota_that_is_too_small_is_named_with_its_numbers_and_heals_when_it_is_raised(world, node):
    node(2)

    def quota(boards):
        about = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}}
        hard = {"requests.example.com/board": str(boards)}
        world.cluster.apply({**about, "spec": {"hard": hard}}, namespace=world.namespace)

    quota(1)
    world.apply(hardware={"profile": "boards", "count": 2}, replicas=2)
    found = wait_until(lambda: fits(world, "QuotaTooSmall"), 20, "the quota is named")
    assert 'ResourceQuota "team" allows no replica' in found["message"]
    assert "Deployment" not in world.children()
    quota(2)
    wait_until(lambda: "Deployment" in world.children(), HEALED_SECONDS, "its pods are made")
    wait_until(lambda: "allows 1 of 2 replicas" in world.condition("Fits")["message"], 10, "what it allows is said")
