"""The Secrets with keys: created, and neither read nor written over, whatever happens to them."""

from __future__ import annotations

import logging

import pytest
import yaml

from tests.support.apiserver import Fault
from tests.support.story import KEY
from tests.support.worlds import condition, model, status

NAME = "chat-engine-key"
PATH = "/api/v1/namespaces/ml/secrets"


@pytest.fixture
def locked(world):
    change(world, "GatewayOnly")
    return world


def change(world, exposure):
    known = world.server.get("ModelDeployment", *KEY)
    world.server.put({**model(exposure=exposure), "metadata": known["metadata"]})


def asked(world):
    return [call for call in world.server.calls if "secrets" in call.path]


def secret(world):
    return world.server.get("Secret", "ml", NAME)


def waiting_pod(world):
    """A pod of the Deployment waits for its volumes, as it does without the Secret."""
    deployment = world.server.all("Deployment")[0]
    template = deployment["spec"]["template"]
    metadata = {"name": "chat-x", "namespace": "ml", "labels": template["metadata"]["labels"]}
    container = {"name": "engine", "state": {"waiting": {"reason": "ContainerCreating"}}}
    pod = {"metadata": metadata, "spec": template["spec"], "status": {"containerStatuses": [container]}}
    world.server.put({"apiVersion": "v1", "kind": "Pod", **pod})


async def test_a_key_is_made_before_the_engine_and_only_once(locked):
    for _ in range(3):
        await locked.reconcile()
    assert [(call.method, call.path) for call in asked(locked)] == [("POST", PATH)]
    order = [call.path for call in locked.server.writes()]
    (deployed,) = (path for path in order if "/deployments/" in path)
    assert order.index(PATH) < order.index(deployed)
    made = secret(locked)
    assert made["immutable"] is True
    assert made["metadata"]["ownerReferences"][0]["name"] == "chat"
    assert len(made["stringData"]["key"]) > 40
    assert yaml.safe_load(made["stringData"]["config.yaml"]) == {"api-key": made["stringData"]["key"]}


async def test_keys_differ(locked):
    await locked.reconcile()
    first = secret(locked)["stringData"]["key"]
    locked.server.remove(secret(locked))
    waiting_pod(locked)
    await locked.reconcile()
    assert secret(locked)["stringData"]["key"] != first


async def test_a_secret_that_is_there_stays_as_it_is(locked):
    theirs = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": "ml"},
        "data": {"key": "eA"},
    }
    locked.server.put(theirs)
    outcome = await locked.reconcile()
    assert outcome.result == "done"
    assert secret(locked)["data"] == {"key": "eA"}
    assert condition(locked.server, "Accepted")["reason"] == "Accepted"


async def test_a_deleted_secret_is_made_again_when_a_pod_waits_for_it(locked):
    await locked.reconcile()
    locked.server.remove(secret(locked))
    await locked.reconcile()
    assert secret(locked) is None, "nobody misses it, and nobody may look"
    waiting_pod(locked)
    outcome = await locked.reconcile()
    assert secret(locked)
    assert outcome.again_after == 10, "no event tells when it is deleted while the pod waits"


async def test_a_new_object_of_the_same_name_gets_a_key_of_its_own(locked):
    await locked.reconcile()
    known = locked.server.get("ModelDeployment", *KEY)
    for obj in (known, secret(locked), *locked.server.all("Deployment")):
        locked.server.remove(obj)
    locked.server.put(model(exposure="GatewayOnly"))
    for child in ("ServiceAccount", "Service", "PodDisruptionBudget", "ControllerRevision"):
        for obj in locked.server.all(child):
            locked.server.remove(obj)
    await locked.reconcile()
    assert len(asked(locked)) == 2


async def test_without_the_right_to_make_it_no_engine_is_applied_and_the_reason_is_said(locked):
    words = 'secrets is forbidden: User "paceline" cannot create resource "secrets"'
    locked.server.faults = [Fault(lambda call: "secrets" in call.path, status=403, message=words)]
    outcome = await locked.reconcile()
    assert outcome.failed
    assert condition(locked.server, "Accepted")["reason"] == "ApplyRefused"
    assert "paceline enable" in condition(locked.server, "Accepted")["message"]
    assert not locked.server.all("Deployment")
    await locked.reconcile()
    assert locked.server.all("Deployment")


async def test_the_key_is_nowhere_but_in_the_secret(locked, caplog):
    caplog.set_level(logging.DEBUG)
    await locked.reconcile()
    waiting_pod(locked)
    await locked.reconcile()
    key = secret(locked)["stringData"]["key"]
    others = [call for call in locked.server.calls if call.path != PATH]
    assert key not in repr(others)
    assert key not in repr([obj for obj in locked.server.objects.values() if obj["kind"] != "Secret"])
    assert key not in repr((locked.told, status(locked.server), vars(locked.story._keys)))
    assert key not in caplog.text


async def test_other_models_have_no_secret_and_leaving_the_key_is_a_rollout(world):
    await world.reconcile()
    assert asked(world) == []
    before = world.server.all("Deployment")[0]["spec"]["template"]
    change(world, "Cluster")
    await world.reconcile()
    assert world.server.all("Deployment")[0]["spec"]["template"] == before
    assert len(world.server.all("ControllerRevision")) == 1
    change(world, "GatewayOnly")
    await world.reconcile()
    assert world.server.all("Deployment")[0]["spec"]["template"] != before
    change(world, "Auto")
    await world.reconcile()
    assert world.server.all("Deployment")[0]["spec"]["template"] == before
    assert len(asked(world)) == 1


async def test_bypassable_is_said_of_those_that_chose_it_alone(world):
    await world.reconcile()
    assert condition(world.server, "Accepted")["reason"] == "Accepted"
    change(world, "Cluster")
    await world.reconcile()
    seen = condition(world.server, "Accepted")
    assert (seen["status"], seen["reason"]) == ("True", "Bypassable")
    assert "GatewayOnly" in seen["message"]
    change(world, "GatewayOnly")
    await world.reconcile()
    assert condition(world.server, "Accepted")["reason"] == "Accepted"
