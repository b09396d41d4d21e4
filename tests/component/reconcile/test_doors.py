"""The stories of Gateways and Consumers against the fake API server; the resync stands in for the watch."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from paceline.decide.gateway_health import Report
from paceline.gateway import snapshot
from paceline.kube import namespaces
from paceline.kube.client import Api
from paceline.kube.events import Events
from paceline.kube.family import MODELS
from paceline.kube.resources import Key
from paceline.reconcile.desk import Desk
from paceline.reconcile.doors import Doors
from paceline.settings import OperatorSettings
from tests.support import consumers, gateways
from tests.support.apiserver import FakeApiServer, Fault
from tests.support.worlds import client, configuration, eventually

PUBLIC, SITE = Key("ml", "public"), Key("ml", "site")


class World:
    def __init__(
        self, server: FakeApiServer, api: Api, settings: OperatorSettings, scopes: tuple[str | None, ...] = ("ml",)
    ) -> None:
        self.server = server
        events = Events(api, "one")
        self.told: list[Any] = []
        events.tell = self.told.append  # type: ignore[method-assign]
        models = Desk(MODELS, api, scopes, lambda: True)
        self.doors = Doors(api, api, models, scopes, events, lambda: settings, lambda: True)
        self.desks = [models, self.doors.gateways, self.doors.consumers]
        self.board = self.doors._board

    async def look(self, *, rounds: int = 1) -> None:
        """Everything is looked at, so many times."""
        for _ in range(rounds):
            for desk in self.desks:
                await desk.resync.compare()
            for key in list(self.doors.gateways.cache.owners):
                await self.doors._gateways.reconcile(key)
            for key in list(self.doors.consumers.cache.owners):
                await self.doors._consumers.reconcile(key)

    def conditions(self, kind: str, name: str, namespace: str = "ml") -> dict[str, tuple[str, str]]:
        found = self.server.get(kind, namespace, name)
        assert found is not None
        return {one["type"]: (one["status"], one["reason"]) for one in found["status"]["conditions"]}

    def key(self, name: str = "site-key") -> str:
        secret = self.server.get("Secret", "ml", name)
        assert secret is not None
        return base64.b64decode(secret["data"]["token"]).decode()

    def program(self) -> snapshot.Program:
        posting = self.board.of(PUBLIC)
        assert posting is not None
        return snapshot.parse(posting.program)

    def pod_reports(self, generation: int, pod: str = "public-a", **more: Any) -> None:
        deployment = next(one for one in self.server.all("Deployment") if "gateway" in str(one["metadata"]["labels"]))
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        ready = {"podIP": "10.0.0.9", "conditions": [{"type": "Ready", "status": "True"}]}
        metadata = {"name": pod, "namespace": "ml", "labels": labels}
        self.server.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": ready})
        self.board.take(PUBLIC, pod, Report(generation, **more))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    given = configuration(gateways={"tlsFolder": str(tmp_path), "hosts": ["api.example.com"]})
    async with FakeApiServer().running() as server, client(server, tmp_path) as api:
        yield World(server, api, OperatorSettings.model_validate(given))


def a_gateway(**spec: Any) -> dict[str, Any]:
    external = {
        "external": {"baseUrl": "https://api.example.com/v1", "model": "gpt", "secretRef": {"name": "p", "key": "t"}}
    }
    route = {"model": "bot", "backends": [{"name": "main", "type": "External", **external}]}
    made = gateways.manifest({"routes": [route], **spec}, namespace="ml")
    del made["metadata"]["uid"]
    return made


def a_consumer(**spec: Any) -> dict[str, Any]:
    made = consumers.manifest(spec, namespace="ml")
    del made["metadata"]["uid"]
    return made


async def test_a_gateway_gets_its_pods_a_program_and_a_status(world: World) -> None:
    world.server.put(a_gateway())
    await world.look()
    assert {one["metadata"]["name"] for one in world.server.all("Service")} == {"public-gateway"}
    (deployment,) = world.server.all("Deployment")
    mounts = deployment["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert "/etc/paceline/secrets/p" in {one["mountPath"] for one in mounts}
    assert world.program().gateway == "ml/public"
    assert world.conditions("Gateway", "public") == {
        "Ready": ("False", "PodStarting"),
        "Accepted": ("True", "Accepted"),
        "Programmed": ("False", "AwaitingAgent"),
        "BackendsResolved": ("True", "Unpriced"),
        "CredentialsResolved": ("Unknown", "AwaitingAgent"),
    }


async def test_a_consumer_gets_a_key_which_the_program_knows_and_nobody_else_is_told(world: World) -> None:
    world.server.put(a_gateway())
    world.server.put(a_consumer())
    await world.look(rounds=2)
    key = world.key()
    assert key.startswith("pl_")
    assert len(key) > 40
    assert any(key in text for text in world.program().files.values())
    for kind in ("Gateway", "Consumer", "ConfigMap", "Deployment", "Service"):
        assert key not in json.dumps(world.server.all(kind))
    assert key not in repr(world.told)
    await world.look()
    assert world.key() == key, "it is made once"


async def test_a_consumer_is_ready_when_every_pod_has_it(world: World) -> None:
    world.server.put(a_gateway())
    world.server.put(a_consumer())
    await world.look(rounds=3)
    assert world.conditions("Consumer", "site")["Ready"] == ("False", "AwaitingAgent")
    posting = world.board.of(PUBLIC)
    assert posting is not None
    assert posting.stamp is not None
    world.pod_reports(posting.stamp.generation)
    await world.look(rounds=2)
    assert world.conditions("Gateway", "public")["Ready"] == ("True", "Serving")
    assert world.conditions("Consumer", "site") == {
        "Ready": ("True", "Programmed"),
        "Accepted": ("True", "KeyGenerated"),
        "WithinBudget": ("True", "NoBudget"),
    }
    world.server.put({**a_consumer(suspended=True), "metadata": world.server.get("Consumer", "ml", "site")["metadata"]})  # type: ignore[index]
    await world.look()
    assert world.conditions("Consumer", "site")["Ready"] == ("False", "AwaitingAgent")


async def test_the_proxy_shows_the_ledger_a_token_that_is_mounted_into_its_pod(world: World) -> None:
    world.server.put(a_gateway())
    await world.look()
    (deployment,) = world.server.all("Deployment")
    mounts = deployment["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    secret = json.loads(world.program().files["sds/ledger.json"])["resources"][0]["generic_secret"]["secret"]
    clusters = {each["name"]: each for each in json.loads(world.program().files["cds.json"])["resources"]}
    context = clusters["ledger"]["transport_socket"]["typed_config"]["common_tls_context"]
    for path in (secret["filename"], context["validation_context"]["trusted_ca"]["filename"]):
        assert path.rpartition("/")[0] in {one["mountPath"] for one in mounts}


async def test_a_budget_in_any_time_zone_is_right_and_in_none_it_is_said(world: World) -> None:
    budget = {"name": "month", "amount": "5", "period": "Month"}
    world.server.put(a_gateway())
    world.server.put(a_consumer(budgets=[{**budget, "timeZone": "Europe/Berlin"}]))
    await world.look(rounds=3)
    assert world.conditions("Consumer", "site")["Accepted"] == ("True", "KeyGenerated")
    metadata = world.server.get("Consumer", "ml", "site")["metadata"]  # type: ignore[index]
    world.server.put({**a_consumer(budgets=[{**budget, "timeZone": "Mars/Olympus"}]), "metadata": metadata})
    await world.look(rounds=2)
    assert world.conditions("Consumer", "site")["Accepted"] == ("False", "InvalidSpec")


async def test_the_number_of_a_program_grows_with_each_change_and_outlives_the_leader(
    world: World, tmp_path: Path
) -> None:
    world.server.put(a_gateway())
    await world.look()
    (first,) = [one["data"] for one in world.server.all("ConfigMap") if "generation" in one["data"]]
    await world.look()
    world.server.put({**a_gateway(replicas=3), "metadata": world.server.get("Gateway", "ml", "public")["metadata"]})  # type: ignore[index]
    await world.look()
    assert first == next(one["data"] for one in world.server.all("ConfigMap") if "generation" in one["data"]), (
        "pods are no part"
    )
    world.server.put(a_consumer())
    await world.look(rounds=2)
    (later,) = [one["data"] for one in world.server.all("ConfigMap") if "generation" in one["data"]]
    assert int(later["generation"]) > int(first["generation"]) == 1
    (tmp_path / "next").mkdir()
    given = configuration(gateways={"tlsFolder": str(tmp_path)})
    async with client(world.server, tmp_path / "next") as api:
        next_leader = World(world.server, api, OperatorSettings.model_validate(given))
        await next_leader.look()
    (kept,) = [one["data"] for one in world.server.all("ConfigMap") if "generation" in one["data"]]
    assert int(kept["generation"]) >= int(later["generation"])


async def test_a_number_is_kept_before_an_agent_sees_it(world: World) -> None:
    world.server.put(a_gateway())
    world.server.faults.append(Fault(lambda call: call.write and "configmaps" in call.path, times=9, status=403))
    await world.look()
    assert world.board.of(PUBLIC) is None or world.board.of(PUBLIC).stamp is None  # type: ignore[union-attr]


async def test_a_gateway_that_is_gone_takes_its_program_along(world: World) -> None:
    world.server.put(a_gateway())
    await world.look()
    world.server.remove(world.server.all("Gateway")[0])
    for desk in world.desks:
        await desk.resync.compare()
    await world.doors._gateways.reconcile(PUBLIC)
    assert world.board.of(PUBLIC) is None


async def test_a_backend_that_is_not_there_is_named_and_heals(world: World) -> None:
    world.server.put(a_gateway(routes=[gateways.route()]))
    await world.look()
    assert world.conditions("Gateway", "public")["BackendsResolved"] == ("False", "BackendMissing")


async def test_without_the_operators_certificate_it_is_said_what_is_missing(world: World, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").unlink()
    world.server.put(a_gateway())
    await world.look()
    found = world.server.get("Gateway", "ml", "public")
    assert found is not None
    accepted = next(one for one in found["status"]["conditions"] if one["type"] == "Accepted")
    assert accepted["status"] == "False"
    assert "ca.crt" in accepted["message"]


async def test_a_consumer_of_a_gateway_that_is_not_there_is_told_so(world: World) -> None:
    world.server.put(a_consumer())
    await world.look()
    assert world.conditions("Consumer", "site")["Accepted"] == ("False", "GatewayMissing")


async def test_an_issuer_without_keys_is_said_of_who_has_its_tokens(world: World) -> None:
    cluster, outside = "https://kubernetes.default.svc", "https://api.example.com/tenant"
    jwks = {"keys": [{"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}]}
    world.server.documents = {"/.well-known/openid-configuration": {"issuer": cluster}, "/openid/v1/jwks": jwks}
    world.server.put(a_gateway())
    world.server.put(
        a_consumer(team="web", credentials=[consumers.jwt(issuer=cluster), consumers.jwt("o", issuer=outside)])
    )
    await world.look(rounds=2)
    known = {each.address: each.keys for each in world.program().issuers}
    assert (json.loads(known[cluster]), known[outside]) == (jwks, "")
    assert set(world.program().teams.values()) == {"web"}
    posting = world.board.of(PUBLIC)
    assert posting is not None
    assert posting.stamp is not None
    for lacking, ready in (
        ({outside: "it does not answer"}, ("False", "IssuerUnreachable")),
        ({}, ("True", "Programmed")),
    ):
        world.pod_reports(posting.stamp.generation, issuers=lacking)
        await world.look(rounds=2)
        assert world.conditions("Consumer", "site")["Ready"] == ready


PRODUCT = {"type": "Selector", "selector": {"matchLabels": {"tier": "product"}}}


def a_namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


async def test_a_changed_label_of_a_namespace_lets_its_consumers_in_and_out(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(namespaces, "_FRESH_SECONDS", 0.05)
    given = configuration(gateways={"tlsFolder": str(tmp_path), "hosts": ["api.example.com"]})
    async with client(world.server, tmp_path) as api:
        cluster = World(world.server, api, OperatorSettings.model_validate(given), (None,))
        world.server.put(a_gateway(allowedConsumers=PRODUCT))
        foreign = a_consumer(gatewayRefs=[{"name": "public", "namespace": "ml"}])
        foreign["metadata"]["namespace"] = "sales"
        world.server.put(foreign)
        world.server.put(a_namespace("sales"))
        await cluster.look(rounds=2)
        assert cluster.conditions("Consumer", "site", "sales")["Accepted"] == ("False", "NotPermitted")
        assert cluster.conditions("Gateway", "public")["Accepted"] == ("True", "Accepted")
        doors = cluster.doors
        running = asyncio.create_task(
            doors._namespaces.run(lambda: bool(doors._neighbours.selecting()), doors._labelled)
        )
        try:
            for labels, reason in (({"tier": "product"}, "KeyGenerated"), ({}, "NotPermitted")):
                doors.gateways.queue.clear()
                doors.consumers.queue.clear()
                world.server.put(a_namespace("sales", **labels))
                await eventually(lambda: _looked(doors), 5, "the Gateway and its Consumer are looked at")
                await cluster.look(rounds=2)
                assert cluster.conditions("Consumer", "site", "sales")["Accepted"][1] == reason
                assert bool(cluster.program().models) is (reason == "KeyGenerated")
        finally:
            running.cancel()


async def _looked(doors: Doors) -> bool:
    return len(doors.gateways.queue) > 0 and len(doors.consumers.queue) > 0


async def test_an_operator_of_some_namespaces_says_that_it_knows_no_labels(world: World) -> None:
    world.server.put(a_gateway(allowedConsumers=PRODUCT))
    world.server.put(a_namespace("ml", tier="product"))
    await world.look()
    assert world.conditions("Gateway", "public")["Accepted"] == ("True", "NamespacesUnread")
    assert not [call for call in world.server.calls if call.path == "/api/v1/namespaces"]
    by_name = {"type": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "sales"}}}
    world.server.put(a_gateway(allowedConsumers=by_name))
    await world.look()
    assert world.conditions("Gateway", "public")["Accepted"] == ("True", "Accepted")
