"""Every field of Gateway and Consumer changed in every way, and what stands in the way of a right one is named.

The short form asks the API server about two right and two wrong changes of each field, each day about others; its
number is printed, and PACELINE_ACTO_ROTATION=<number> repeats it. PACELINE_TEST_SIZE=full asks about all of them. Where
a right change shows is tried without a cluster (tests/unit/acto/test_doors.py).
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from paceline.kube.resources import CONSUMERS, DEPLOYMENTS, GATEWAYS, SECRETS, Resource
from tests.acto import doors, lists, oracles, trial
from tests.support import consumers, gateways
from tests.support.cluster import TestCluster
from tests.support.town import Town, founded

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
ROTATION = int(os.environ.get("PACELINE_ACTO_ROTATION", int(time.time() // 86400)))
#: A key that can be guessed.
SHORT_KEY = base64.b64encode(b"pl_short").decode()

pytestmark = pytest.mark.timeout(1200)

Spec = Mapping[str, Any]


@pytest.fixture(scope="module")
def town(cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with founded(cluster, tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.mark.parametrize("kind", doors.kinds(), ids=lambda kind: kind.name)
def test_what_is_wrong_is_refused_by_its_path_with_a_remedy_and_what_is_right_is_taken(
    town: Town, kind: doors.Kind
) -> None:
    every = doors.cases(kind.name)
    part = every if FULL else doors.short(every, ROTATION)
    report = trial.asked(town.objects, town.home, part, kind.resource)
    print(f"acto: PACELINE_ACTO_ROTATION={ROTATION}: {len(part)} of {len(every)} asked in {report.seconds:.0f} s")
    wrong = lists.unexplained(report.alarms, lists.explained())
    assert not wrong, "\n".join(map(str, wrong))


def backend(**fields: Any) -> dict[str, Any]:
    return {"routes": [gateways.route(gateways.local(**fields))]}


#: Kind, what is wrong with it, the condition, its status and its reason.
TROUBLES: dict[str, tuple[Resource, Spec, str, str, str]] = {
    "a model that is not there": (GATEWAYS, backend(model="gone"), "BackendsResolved", "False", "BackendMissing"),
    "an adapter that is not there": (
        GATEWAYS,
        backend(modelDeployment={"name": "chat", "adapter": "x"}),
        "BackendsResolved",
        "False",
        "BackendMissing",
    ),
    "a model of somebody else": (
        GATEWAYS,
        backend(modelDeployment={"name": "chat", "namespace": "elsewhere"}),
        "BackendsResolved",
        "False",
        "NotPermitted",
    ),
    "a host that nobody allowed": (
        GATEWAYS,
        {"routes": [gateways.route(gateways.external(url="https://evil.example.com/v1"))]},
        "BackendsResolved",
        "False",
        "HostNotAllowed",
    ),
    "a prompt that is not there": (
        GATEWAYS,
        {"routes": [gateways.route(promptRef={"name": "gone", "version": 1})]},
        "BackendsResolved",
        "False",
        "ReferenceMissing",
    ),
    "governance without a level": (GATEWAYS, {"governance": "Required"}, "BackendsResolved", "False", "NotGoverned"),
    "a gateway that is not there": (
        CONSUMERS, {"gatewayRefs": [{"name": "gone"}]}, "Accepted", "False", "GatewayMissing",
    ),
    "a secret that is not there": (
        CONSUMERS, {"credentials": [consumers.key(of="gone")]}, "Ready", "False", "SecretMissing",
    ),
    "a key that can be guessed": (
        CONSUMERS, {"credentials": [consumers.key(of="short")]}, "Ready", "False", "SecretInvalid",
    ),
    "a time zone of nowhere": (
        CONSUMERS, {"budgets": [consumers.budget(timeZone="Mars/Olympus")]}, "Accepted", "False", "InvalidSpec",
    ),
    "a model that nobody serves": (CONSUMERS, {"models": ["bto"]}, "Accepted", "True", "NoSuchModel"),
}  # fmt: skip


@pytest.fixture(scope="module")
def settled(town: Town) -> Town:
    """A Gateway and a Consumer of which nothing is to be said."""
    body = {"metadata": {"name": "short"}, "data": {"k1": SHORT_KEY}}
    assert town.objects.client.post(SECRETS.path(town.home), json=body).status_code == 201
    town.model()
    town.gateway()
    town.consumer("site")
    content(town)
    return town


def content(town: Town) -> None:
    """Both are as they should be."""
    town.says(GATEWAYS, "public", "BackendsResolved", "Unpriced")
    town.says(GATEWAYS, "public", "Accepted", "Accepted")
    town.says(CONSUMERS, "site", "Accepted", "KeyGenerated")


def pods(town: Town) -> Any:
    """What the Deployments of Gateways ask for."""
    found = town.objects.all(DEPLOYMENTS, town.home, "paceline.dev/gateway")
    return [each["spec"] for each in found]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_stands_in_the_way_is_named_in_time_and_the_way_back_is_open(settled: Town, trouble: str) -> None:
    resource, spec, kind, status, reason = TROUBLES[trouble]
    before, begun = pods(settled), time.monotonic()
    if resource is GATEWAYS:
        settled.gateway(**spec)
    else:
        settled.consumer("site", **spec)
    said = settled.says(resource, "public" if resource is GATEWAYS else "site", kind, reason)
    assert time.monotonic() - begun < oracles.NAMED_SECONDS
    assert said["status"] == status
    assert oracles.REMEDY.search(said["message"]), said["message"]
    assert pods(settled) == before, "what serves, serves on"
    settled.gateway()
    settled.consumer("site")
    content(settled)


def test_the_operator_lives_and_its_log_has_no_error(settled: Town) -> None:
    assert settled.operator.alive, settled.operator.tail
    assert oracles.log_alarms(settled.operator.lines()) == []
