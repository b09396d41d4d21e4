"""A model of files: looked up first, then served at the commit that was found."""

import json

import pytest

from paceline.settings import OperatorSettings
from tests.support import models
from tests.support.worlds import condition, configuration, model, status

GPU = {"name": "gpu", "acceleratorResource": "nvidia.com/gpu", "memoryGiB": 80, "pricePerHour": "2"}
HF = {"uri": "hf://acme/model", "secretRef": {"name": "hf", "key": "token"}}


def files(**spec):
    return model(model=HF, hardware={"profile": "gpu"}, engine={}, **spec)


def report(**found):
    one = models.resolved(**found).model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps({"found": {"base": one}})


def failure(reason, *, retry):
    return json.dumps({"failure": {"reason": reason, "message": f"{reason} was said.", "retry": retry}})


def fetching(world):
    """The container that fetches, in the pods of the Deployment."""
    return world.server.all("Deployment")[0]["spec"]["template"]["spec"]["initContainers"][0]


@pytest.fixture
def hub(world):
    world.settings = OperatorSettings.model_validate({**configuration(), "profiles": [GPU]})
    world.server.put(files())
    return world


async def test_there_is_a_job_before_there_is_a_pod(hub):
    await hub.reconcile()
    assert [len(hub.server.all(kind)) for kind in ("Job", "NetworkPolicy", "ServiceAccount", "Deployment")] == [
        1,
        1,
        1,
        0,
    ]
    assert condition(hub.server, "ModelResolved")["reason"] == "Resolving"
    assert condition(hub.server, "Accepted")["status"] == "True"
    await hub.reconcile()
    assert len(hub.server.all("Job")) == 1


async def test_what_was_found_is_served_at_that_commit_and_the_job_goes(hub):
    await hub.reconcile()
    hub.fetch_pod_says(report(commit="abc"))
    await hub.reconcile()
    assert '"commit":"abc"' in fetching(hub)["args"][0]
    assert hub.server.all("Job") == []
    assert hub.server.all("NetworkPolicy") == []
    assert condition(hub.server, "ModelResolved")["message"].startswith("base is abc: 14.2 GiB")
    assert condition(hub.server, "Fits")["status"] == "True"
    hub.pods_become_ready()
    await hub.reconcile()
    assert status(hub.server)["display"]["replicas"] == "1/1"


async def test_a_revision_stays_at_its_commit_though_the_branch_moves_and_nobody_asks_again(hub):
    await hub.reconcile()
    hub.fetch_pod_says(report(commit="abc"))
    await hub.reconcile()
    hub.server.remove(hub.server.all("Pod")[0])
    hub.server.put(files(replicas=3))
    await hub.reconcile()
    assert hub.server.all("Job") == []
    assert '"commit":"abc"' in fetching(hub)["args"][0]


async def test_another_revision_is_looked_up_while_the_old_one_serves_and_is_scaled(hub):
    await hub.reconcile()
    hub.fetch_pod_says(report(commit="abc"))
    await hub.reconcile()
    hub.server.put(files(replicas=2) | {"spec": files(replicas=2)["spec"] | {"model": HF | {"revision": "v2"}}})
    await hub.reconcile()
    deployment = hub.server.all("Deployment")[0]
    assert deployment["spec"]["replicas"] == 2
    assert '"commit":"abc"' in fetching(hub)["args"][0]
    assert len(hub.server.all("Job")) == 1
    hub.fetch_pod_says(report(commit="def"), name="fetch-b")
    await hub.reconcile()
    assert '"commit":"def"' in fetching(hub)["args"][0]


@pytest.mark.parametrize("retry", [True, False])
async def test_a_failure_is_said_and_the_old_revision_stays(hub, retry):
    await hub.reconcile()
    hub.fetch_pod_says(report(commit="abc"))
    await hub.reconcile()
    before = hub.server.all("Deployment")
    changed = files()
    changed["spec"]["model"] = HF | {"revision": "gone"}
    hub.server.put(changed)
    await hub.reconcile()
    hub.fetch_pod_says(failure("SourceNotFound", retry=retry), phase="Failed", name="fetch-b")
    outcome = await hub.reconcile()
    assert condition(hub.server, "ModelResolved")["message"] == "SourceNotFound was said."
    assert hub.server.all("Deployment")[0]["spec"] == before[0]["spec"]
    assert outcome.failed is retry
    hub.server.put(files())
    await hub.reconcile()
    assert condition(hub.server, "ModelResolved")["status"] == "True"
    assert hub.server.all("Job") == []


async def test_a_job_that_kubernetes_removed_after_a_failure_is_made_again(hub):
    await hub.reconcile()
    hub.fetch_pod_says(failure("SourceNotFound", retry=False), phase="Failed")
    await hub.reconcile()
    hub.server.remove(hub.server.all("Job")[0])
    hub.server.remove(hub.server.all("Pod")[0])
    told = len(hub.told)
    await hub.reconcile()
    await hub.reconcile()
    assert len(hub.server.all("Job")) == 1
    assert condition(hub.server, "ModelResolved")["reason"] == "SourceNotFound", "a new attempt alone is no news"
    assert len(hub.told) == told


async def test_a_model_that_does_not_fit_gets_no_pod_and_the_numbers_are_said(hub):
    await hub.reconcile()
    hub.fetch_pod_says(report(weightBytes=140 * 2**30))
    await hub.reconcile()
    assert hub.server.all("Deployment") == []
    assert condition(hub.server, "Fits")["reason"] == "DoesNotFit"
    assert "140.0 GiB of weights" in condition(hub.server, "Ready")["message"]
    assert condition(hub.server, "ModelResolved")["status"] == "True"


async def test_no_secret_is_in_anything_that_is_applied_but_by_its_name(hub):
    await hub.reconcile()
    hub.fetch_pod_says(report())
    await hub.reconcile()
    sent = [json.dumps(call.body) for call in hub.server.calls if call.write]
    assert any('"secretName": "hf"' in body for body in sent)
    assert not any("secretKeyRef" in body or "HF_TOKEN" in body for body in sent)


async def test_while_nothing_is_known_of_the_applied_revision_its_deployment_stays(hub):
    await hub.reconcile()
    hub.fetch_pod_says(report(commit="abc"))
    await hub.reconcile()
    before = hub.server.all("Deployment")
    hub.server.remove(hub.server.all("ControllerRevision")[0])
    hub.server.remove(hub.server.all("Pod")[0])
    await hub.reconcile()
    assert condition(hub.server, "ModelResolved")["reason"] == "Resolving"
    assert hub.server.all("Deployment") == before
