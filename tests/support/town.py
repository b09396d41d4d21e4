"""Gateways and Consumers on a real API server, with the operator as a process. No pod of them runs."""

from __future__ import annotations

import base64
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from paceline.api.names import GATEWAY_ROLE, child_name
from paceline.kube.resources import CONSUMERS, GATEWAYS, MODELDEPLOYMENTS, SECRETS, SERVICEACCOUNTS, Resource
from paceline.render.gateway.pod import AUDIENCE
from tests.examiner.programs import Glimpse
from tests.support import consumers, gateways
from tests.support.certificates import certificate_for
from tests.support.cluster import TestCluster
from tests.support.lives import model
from tests.support.objects import Objects, objects_of
from tests.support.operator_process import OperatorProcess, configuration, operating
from tests.support.ports import free_port
from tests.support.product import condition
from tests.support.waiting import wait_until

NAMESPACES = Resource("", "v1", "namespaces", "Namespace")
SECONDS = 60
KEY = "pl_" + "k" * 40


@dataclass(frozen=True)
class Town:
    """Two namespaces and one operator. Gateways have no pods, so nothing of them runs.

    Attributes:
        home: A namespace.
        other: The other one.
        url: Of the operator, for agents.
    """

    objects: Objects
    home: str
    other: str
    url: str
    authority: Path
    operator: OperatorProcess

    def gateway(self, name: str = "public", namespace: str = "", **spec: Any) -> None:
        made = gateways.manifest({"replicas": 0, **spec})
        self._apply(made, name, namespace)

    def consumer(self, name: str, namespace: str = "", **spec: Any) -> None:
        self._apply(consumers.manifest(spec), name, namespace)

    def model(self, name: str = "chat", namespace: str = "", **spec: Any) -> None:
        self._apply(model(**spec), name, namespace)

    def secret(self, name: str, namespace: str = "") -> None:
        body = {"metadata": {"name": name}, "data": {"k1": base64.b64encode(KEY.encode()).decode()}}
        answer = self.objects.client.post(SECRETS.path(namespace or self.home), json=body)
        assert answer.status_code == 201, answer.text

    def _apply(self, manifest: dict[str, Any], name: str, namespace: str) -> None:
        metadata = {"name": name, "namespace": namespace or self.home}
        self.objects.apply({**manifest, "metadata": metadata})

    def later(self) -> None:
        """Until what is made now is younger than what was made before."""
        path = NAMESPACES.path(None, self.home)
        begun = self.objects.client.get(path).headers["Date"]
        wait_until(lambda: self.objects.client.get(path).headers["Date"] != begun, 5, "the next second", every=0.1)

    def says(self, resource: Resource, name: str, kind: str, reason: str, namespace: str = "") -> dict[str, Any]:
        """Wait until a condition of the present spec has a reason; the condition."""

        def seen() -> dict[str, Any]:
            found = self.objects.find(resource, namespace or self.home, name) or {}
            said = condition(found, kind)
            current = said.get("observedGeneration") == (found.get("metadata") or {}).get("generation")
            return said if current and said.get("reason") == reason else {}

        found: dict[str, Any] = wait_until(seen, SECONDS, f"{name} says {reason}", every=0.2)
        return found

    def admitted(self, gateway: str = "public", namespace: str = "") -> set[str]:
        """The Consumers that a Gateway's program lets in."""
        where = namespace or self.home
        account = SERVICEACCOUNTS.path(where, child_name(where, gateway, GATEWAY_ROLE), "token")
        asked = self.objects.client.post(account, json={"spec": {"audiences": [AUDIENCE]}})
        if asked.status_code != 201:
            return set()
        headers = {"Authorization": f"Bearer {asked.json()['status']['token']}"}
        context = ssl.create_default_context(cafile=str(self.authority))
        context.check_hostname = False
        answer = httpx.get(f"{self.url}/v1/programs/{where}/{gateway}", headers=headers, verify=context)
        return {name for name, _ in Glimpse.of("", answer.content).admitted} if answer.status_code == 200 else set()

    def clear(self) -> None:
        """Leave nothing for the next test."""
        for namespace in (self.home, self.other):
            for resource in (CONSUMERS, GATEWAYS, MODELDEPLOYMENTS, SECRETS):
                self.objects.client.delete(resource.path(namespace))


@contextmanager
def founded(cluster: TestCluster, folder: Path) -> Iterator[Town]:
    """A town, gone afterwards; its end is not waited for."""
    cluster.install_kinds()
    port, mark = free_port(), secrets.token_hex(3)
    certificate, key = certificate_for("localhost")
    for name, content in (("ca.crt", certificate), ("tls.crt", certificate), ("tls.key", key)):
        (folder / name).write_bytes(content)
    home, other = f"home-{mark}", f"other-{mark}"
    extra = {"gateways": {"tlsFolder": str(folder)}, "server": {"agentsPort": port}}
    with objects_of(cluster.kubeconfig) as objects:
        for name in (home, other):
            assert objects.client.post(NAMESPACES.path(None), json={"metadata": {"name": name}}).status_code == 201
        try:
            with operating(folder, configuration(home, other, **extra), cluster.kubeconfig) as operator:
                wait_until(operator.leads, 30, "it leads")
                yield Town(objects, home, other, f"https://127.0.0.1:{port}", folder / "ca.crt", operator)
        finally:
            for name in (home, other):
                objects.client.delete(NAMESPACES.path(None, name))
