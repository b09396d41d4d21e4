"""F11: the operator's rights are taken away and given back, and its token is no longer accepted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest

from paceline.kube.resources import DEPLOYMENTS, MODELDEPLOYMENTS
from tests.support.account import Account
from tests.support.cluster import TestCluster
from tests.support.objects import Objects, objects_of
from tests.support.operator_process import OperatorProcess, configuration, operating
from tests.support.product import condition, modeldeployment
from tests.support.waiting import wait_until

#: What the table of faults allows from the return of the rights.
HEALED_SECONDS = 60.0
NAMED_SECONDS = 30.0
NAME = "operator"
MODEL = "chat"
EVERYTHING = {"apiGroups": ["*"], "resources": ["*"]}
READING = {**EVERYTHING, "verbs": ["get", "list", "watch"]}
WRITING = {**EVERYTHING, "verbs": ["create", "update", "patch", "delete"]}
#: All but Deployments.
WRITING_LESS = {
    **WRITING,
    "resources": [
        "modeldeployments/status",
        "leases",
        "events",
        "services",
        "serviceaccounts",
        "poddisruptionbudgets",
        "controllerrevisions",
    ],
}


@dataclass(frozen=True)
class World:
    """An operator that is nobody but its ServiceAccount."""

    cluster: TestCluster
    namespace: str
    objects: Objects
    operator: OperatorProcess
    account: Account
    folder: Any

    def want(self, replicas: int) -> None:
        spec = {"replicas": replicas, "hardware": {"profile": "nowhere"}}
        self.objects.apply(modeldeployment(MODEL, self.namespace, **spec))

    def replicas(self) -> list[int]:
        found = self.objects.all(DEPLOYMENTS, self.namespace, "paceline.dev/modeldeployment")
        return [one["spec"]["replicas"] for one in found]

    def converged(self, replicas: int) -> None:
        begun = time.monotonic()

        def look() -> bool:
            assert self.operator.alive, self.operator.tail
            found = self.objects.model(self.namespace, MODEL)
            said = condition(found, "Accepted")
            return (
                self.replicas() == [replicas]
                and said.get("status") == "True"
                and said["observedGeneration"] == found["metadata"]["generation"]
            )

        wait_until(look, HEALED_SECONDS, f"{replicas} replicas: {self.operator.tail}", every=0.3)
        print(f"{replicas} replicas after {time.monotonic() - begun:.1f} s")

    def may(self, *rules: dict[str, Any]) -> None:
        kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": NAME}}
        self.cluster.apply({**kind, "kind": "Role", "rules": list(rules)}, namespace=self.namespace)

    def refusals(self, code: int) -> float:
        """Answers of that code that the operator counted."""
        lines = self.operator.page().splitlines()
        ours = [line for line in lines if line.startswith("paceline_api_requests_total{") and f'code="{code}"' in line]
        return sum(float(line.rpartition(" ")[2]) for line in ours)

    def warned(self, *words: str) -> bool:
        return any(
            all(word in line["message"] for word in words)
            for line in self.operator.lines()
            if line["level"] in {"WARNING", "ERROR"}
        )


@pytest.fixture
def world(cluster, namespace, tmp_path):
    cluster.install_kinds()
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": NAME},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}],
    }
    cluster.kubectl("create", "serviceaccount", NAME, "-n", namespace)
    cluster.apply(binding, namespace=namespace)
    account = Account(cluster, namespace, NAME)
    with objects_of(cluster.kubeconfig) as objects:
        World.may(World(cluster, namespace, objects, None, account, tmp_path), READING, WRITING)
        with operating(tmp_path, configuration(namespace), account.kubeconfig(tmp_path)) as operator:
            made = World(cluster, namespace, objects, operator, account, tmp_path)
            wait_until(operator.leads, 20, "it leads")
            pid = operator.pid
            made.want(1)
            made.converged(1)
            yield made
            assert operator.alive, operator.tail
            assert operator.pid == pid
            assert operator.get("/healthz") == 200


def test_without_any_right_it_says_so_and_goes_on_when_it_has_them_again(world):
    world.may({**READING, "verbs": ["deletecollection"]})
    world.want(2)
    wait_until(lambda: world.refusals(403) > 0, NAMED_SECONDS, "its metrics tell of refusals")
    wait_until(lambda: not world.operator.leads(), NAMED_SECONDS, "it gives up leading, which alerts look at")
    assert world.warned("Lease", "cannot get resource")
    wait_until(lambda: world.warned(world.namespace, "cannot be read"), NAMED_SECONDS, "and says what it cannot read")
    assert world.replicas() == [1], "what was applied stays"
    world.may(READING, WRITING)
    world.converged(2)


def test_a_single_right_that_is_missing_is_a_condition_with_its_remedy(world):
    world.may(READING, WRITING_LESS)
    world.want(3)

    def refused():
        seen = condition(world.objects.model(world.namespace, MODEL), "Accepted")
        return seen if seen.get("reason") == "ApplyRefused" else None

    seen = wait_until(refused, NAMED_SECONDS, "the condition names it", every=0.3)
    assert 'cannot patch resource "deployments"' in seen["message"]
    assert "paceline enable" in seen["message"]
    assert world.replicas() == [1], "what was applied stays"
    world.may(READING, WRITING)
    world.converged(3)


def test_a_token_that_is_no_longer_accepted_is_read_anew(world):
    # The token dies with its account, as it does when it expires; the API server believes it for 10 s more.
    world.cluster.kubectl("delete", "serviceaccount", NAME, "-n", world.namespace)
    wait_until(lambda: world.refusals(401) > 0, NAMED_SECONDS, "its metrics tell of refusals")
    world.want(4)
    wait_until(lambda: not world.operator.leads(), NAMED_SECONDS, "it gives up leading")
    assert world.replicas() == [1]
    world.cluster.kubectl("create", "serviceaccount", NAME, "-n", world.namespace)
    world.account.kubeconfig(world.folder)
    world.converged(4)
    assert world.objects.find(MODELDEPLOYMENTS, world.namespace, MODEL)
