"""What two objects claim the older one has, and the other says so; what is of another namespace needs both sides."""

from __future__ import annotations

import base64
import secrets
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from paceline.api.names import GATEWAY_ROLE, child_name
from paceline.kube.resources import CONSUMERS, GATEWAYS, MODELDEPLOYMENTS, SECRETS, SERVICEACCOUNTS
from paceline.render.gateway.pod import AUDIENCE
from tests.examiner.programs import Glimpse
from tests.examiner.room import NAMESPACES
from tests.support import consumers, gateways
from tests.support.certificates import certificate_for
from tests.support.cluster import TestCluster
from tests.support.lives import model
from tests.support.objects import Objects, objects_of
from tests.support.operator_process import configuration, operating
from tests.support.ports import free_port
from tests.support.product import condition
from tests.support.waiting import wait_until

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

    def says(self, resource: Any, name: str, kind: str, reason: str, namespace: str = "") -> dict[str, Any]:
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


@pytest.fixture(scope="module")
def town(cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    cluster.install_kinds()
    folder, port, mark = tmp_path_factory.mktemp("town"), free_port(), secrets.token_hex(3)
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
                yield Town(objects, home, other, f"https://127.0.0.1:{port}", folder / "ca.crt")
        finally:
            for name in (home, other):
                objects.client.delete(NAMESPACES.path(None, name))


@pytest.fixture(autouse=True)
def empty(town: Town) -> Iterator[None]:
    """Nothing is left for the next test."""
    yield
    for resource in (CONSUMERS, GATEWAYS, MODELDEPLOYMENTS):
        for namespace in (town.home, town.other):
            town.objects.client.delete(resource.path(namespace))
    for namespace in (town.home, town.other):
        town.objects.client.delete(SECRETS.path(namespace))


def test_of_two_consumers_with_one_key_the_older_is_let_in_and_the_other_says_conflicted(town: Town) -> None:
    town.gateway()
    town.secret("keys")
    town.consumer("older", credentials=[consumers.key()])
    town.later()
    town.consumer("aaa", credentials=[consumers.key()])
    said = town.says(CONSUMERS, "aaa", "Accepted", "Conflicted")
    assert (said["status"], "older" in said["message"]) == ("False", True)
    assert KEY not in str(said)
    town.says(CONSUMERS, "older", "Accepted", "Accepted")
    wait_until(lambda: town.admitted() == {"older"}, SECONDS, "the older alone is let in")
    town.objects.delete(CONSUMERS, town.home, "older")
    town.says(CONSUMERS, "aaa", "Accepted", "Accepted")
    wait_until(lambda: town.admitted() == {"aaa"}, SECONDS, "the key passes to who is left")


def test_of_two_gateways_with_one_host_and_port_the_older_answers_and_the_other_says_conflicted(town: Town) -> None:
    listener = {"port": 8080, "hostnames": ["llm.example.com"]}
    town.gateway("older", service={"type": "LoadBalancer"}, listener=listener)
    town.later()
    town.gateway("aaa", town.other, service={"type": "LoadBalancer"}, listener=listener)
    town.gateway("elsewhere", service={"type": "LoadBalancer"}, listener={**listener, "port": 8081})
    said = town.says(GATEWAYS, "aaa", "Accepted", "Conflicted", town.other)
    assert (said["status"], "llm.example.com" in said["message"]) == ("False", True)
    for name in ("older", "elsewhere"):
        town.says(GATEWAYS, name, "Accepted", "Accepted")
    town.objects.delete(GATEWAYS, town.home, "older")
    town.says(GATEWAYS, "aaa", "Accepted", "Accepted", town.other)


def test_of_two_models_with_one_name_the_older_is_served_and_the_route_says_conflicted(town: Town) -> None:
    named = {"uri": "image://localhost/paceline-pause:1", "servedName": "bot"}
    town.model("older", model=named)
    town.later()
    town.model("aaa", model=named)
    town.gateway(routesFrom="AllModelDeployments", routes=[])
    said = town.says(GATEWAYS, "public", "BackendsResolved", "Conflicted")
    assert said["message"].startswith("ModelDeployment aaa is not served as bot")
    town.objects.delete(MODELDEPLOYMENTS, town.home, "aaa")
    wait_until(
        lambda: "aaa" not in str(town.objects.find(GATEWAYS, town.home, "public")["status"]["conditions"]),
        SECONDS,
        "nobody is in conflict any more",
    )


def test_peer_bug_22_a_consumer_of_another_namespace_is_let_in_with_the_consent_of_both_sides_only(town: Town) -> None:
    town.gateway()
    town.secret("keys", town.other)
    there = {"gatewayRefs": [{"name": "public", "namespace": town.home}], "credentials": [consumers.key()]}
    town.consumer("guest", town.other, **there)
    said = town.says(CONSUMERS, "guest", "Accepted", "NotPermitted", town.other)
    assert said["status"] == "False"
    assert town.admitted() == set()
    selector = {"matchLabels": {"kubernetes.io/metadata.name": town.other}}
    town.gateway(allowedConsumers={"type": "Selector", "selector": selector})
    town.says(CONSUMERS, "guest", "Accepted", "Accepted", town.other)
    wait_until(lambda: town.admitted() == {"guest"}, SECONDS, "the guest is let in")
    town.gateway()
    town.says(CONSUMERS, "guest", "Accepted", "NotPermitted", town.other)
    wait_until(lambda: town.admitted() == set(), SECONDS, "consent is taken back")


def test_peer_bug_22_a_model_of_another_namespace_is_served_with_the_consent_of_both_sides_only(town: Town) -> None:
    town.model("chat", town.other)
    there = {"name": "chat", "namespace": town.other}
    backend = {"name": "main", "type": "ModelDeployment", "modelDeployment": there}
    town.gateway(routes=[gateways.route(backend)])
    said = town.says(GATEWAYS, "public", "BackendsResolved", "NotPermitted")
    assert said["status"] == "False"
    town.model("chat", town.other, sharedWith=[{"gatewayNamespace": town.home}])

    def permitted() -> bool:
        found = town.objects.find(GATEWAYS, town.home, "public")
        return condition(found, "BackendsResolved").get("reason", "NotPermitted") != "NotPermitted"

    wait_until(permitted, SECONDS, "its owner let the gateway in")
