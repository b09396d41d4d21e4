"""The installed product on an embedded cluster: charts by real Helm, operator in its pod, models as users have them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paceline.cli.demo import restricted
from paceline.cli.helm import Helm
from paceline.local import binaries, images
from tests.support.cluster import TestCluster, running
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = "paceline-system"
NAMESPACE = "models"


def modeldeployment(name: str, namespace: str = NAMESPACE, **spec: Any) -> dict[str, Any]:
    """A ModelDeployment of a simulated model; `spec` members replace the defaults."""
    defaults = {"model": {"uri": "sim://llama-3-8b-h100"}, "hardware": {"profile": "sim"}}
    return {
        "apiVersion": "paceline.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": defaults | spec,
    }


def condition(found: Mapping[str, Any] | None, kind: str) -> dict[str, Any]:
    """A condition of an object; empty where it has none."""
    conditions = ((found or {}).get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


def is_ready(found: Mapping[str, Any] | None) -> bool:
    """Ready, and said of the current generation."""
    seen = condition(found, "Ready")
    return (
        bool(found) and seen.get("status") == "True" and seen["observedGeneration"] == found["metadata"]["generation"]
    )


@dataclass(frozen=True)
class Product:
    """paceline on a cluster.

    Attributes:
        cluster: Where it runs.
    """

    cluster: TestCluster

    def find(self, kind: str, name: str, namespace: str = NAMESPACE) -> dict[str, Any] | None:
        """The object, or None."""
        words = self.cluster.kubectl("get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found")
        return json.loads(words) if words.strip() else None

    def items(self, kind: str, *arguments: str, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        """The objects of a kind."""
        return list(json.loads(self.cluster.kubectl("get", kind, "-n", namespace, "-o", "json", *arguments))["items"])

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Server-side apply, as a user does it."""
        self.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))

    def delete(self, kind: str, name: str, namespace: str = NAMESPACE) -> None:
        """Delete and wait until the object is gone."""
        self.cluster.kubectl("delete", kind, name, "-n", namespace, "--timeout=60s")

    def eventually(self, holds: Callable[[], Any], seconds: float, what: str) -> Any:
        """Poll until `holds` gives something true; its value.

        Raises:
            AssertionError: it did not within `seconds`.
        """
        return wait_until(holds, seconds, what, every=0.25)

    def ready(self, name: str, seconds: float = 90) -> dict[str, Any]:
        """Wait until a ModelDeployment is Ready; the object."""
        last: dict[str, Any] = {}

        def look() -> bool:
            last.clear()
            last.update(self.find("mdep", name) or {})
            return is_ready(last)

        try:
            self.eventually(look, seconds, f"{name} is Ready")
        except AssertionError as late:
            raise AssertionError(f"{late}; its conditions: {(last.get('status') or {}).get('conditions')}") from None
        return last

    def serve(self, name: str, replicas: int = 1, engine_arguments: Sequence[str] = ()) -> str:
        """Apply a simulated model, wait until it is Ready; the URL of its Service, reachable from this machine."""
        self.apply(
            modeldeployment(name, replicas=replicas, engine={"type": "Simulator", "args": list(engine_arguments)})
        )
        self.ready(name)
        return self.url(name)

    def url(self, name: str) -> str:
        """http://<cluster address>:<port> of a model's Service."""
        (service,) = self.items("service", "-l", f"paceline.dev/modeldeployment={name}")
        return f"http://{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}"

    def truth(self, name: str, path: str) -> list[dict[str, Any]]:
        """The rows of the truth logs of all pods of a model."""
        rows = []
        for pod in self.items("pod", "-l", f"paceline.dev/modeldeployment={name}"):
            words = self.cluster.kubectl("exec", pod["metadata"]["name"], "-n", NAMESPACE, "--", "cat", path)
            rows += [json.loads(line) for line in words.splitlines()]
        return rows


def install(cluster: TestCluster, values: Mapping[str, Any] | None = None) -> Product:
    """Load the image, install both charts with real Helm, wait until the operator is ready."""
    images.load(cluster.local, images.ensure())
    for namespace in (SYSTEM, NAMESPACE):
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(restricted(namespace)))
    helm = Helm(binaries.ensure("helm"), str(cluster.kubeconfig))
    helm.install("paceline-crds", ROOT / "charts" / "paceline-crds", SYSTEM)
    chosen = {"crds": {"enabled": False}, "watch": {"mode": "Namespaced", "namespaces": [NAMESPACE]}}
    helm.install("paceline", ROOT / "charts" / "paceline", SYSTEM, chosen | dict(values or {}))
    return Product(cluster)


@contextmanager
def installed(name: str, values: Mapping[str, Any] | None = None) -> Iterator[Product]:
    """A cluster of its own with paceline on it, gone afterwards."""
    with running(name) as cluster:
        yield install(cluster, values)
