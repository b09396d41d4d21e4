"""One ModelDeployment on a real API server, with the operator as a process. Its pods find no node."""

from __future__ import annotations

from typing import Any

from tests.support.cluster import TestCluster
from tests.support.operator_process import OperatorProcess

CHILDREN = "deployment,service,poddisruptionbudget,serviceaccount,controllerrevisions"
OURS = ("-l", "app.kubernetes.io/managed-by=paceline")


def model(name: str = "chat", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "paceline.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {
            "model": {"uri": "image://localhost/paceline-pause:1"},
            "hardware": {"profile": "nowhere"},
            "engine": {"custom": {"inference": "None"}},
            **spec,
        },
    }


class World:
    """What a test does to it and sees of it."""

    def __init__(self, cluster: TestCluster, namespace: str, operator: OperatorProcess) -> None:
        self.cluster, self.namespace, self.operator = cluster, namespace, operator

    def apply(self, **spec: Any) -> None:
        self.cluster.apply(model(**spec), namespace=self.namespace)

    def get(self, *what: str) -> Any:
        return self.cluster.get(*what, "-n", self.namespace)

    def children(self) -> dict[str, Any]:
        return {child["kind"]: child for child in self.get(CHILDREN, *OURS)["items"]}

    def status(self) -> dict[str, Any]:
        return self.get("modeldeployment", "chat").get("status") or {}

    def condition(self, kind: str) -> dict[str, Any]:
        return next((one for one in self.status().get("conditions", []) if one["type"] == kind), {})

    def writes(self) -> int:
        """Answered writes of the operator, Leases and Events left out."""
        total = 0
        for line in self.operator.page().splitlines():
            others = ('verb="GET"', 'resource="leases"', 'resource="events"')
            if line.startswith("paceline_api_requests_total{") and not any(other in line for other in others):
                total += int(float(line.rpartition(" ")[2]))
        return total
