"""The stories of Gateways and Consumers against the fake API server; the resync stands in for the watch."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from paceline.agent.held import Held
from paceline.gateway import snapshot
from paceline.kube import namespaces
from paceline.kube.resources import Key
from paceline.reconcile.doors import Doors
from paceline.settings import OperatorSettings
from tests.support import consumers, gateways
from tests.support.apiserver import Fault
from tests.support.doorway import CHAT, PUBLIC, World, a_consumer, a_gateway, world
from tests.support.worlds import Closed, client, configuration, eventually, model

__all__ = ["world"]


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


async def test_schemas_and_the_collector_reach_the_pods_by_the_program(world: World, tmp_path: Path) -> None:
    given = {"tlsFolder": str(tmp_path), "hosts": ["*"], "adapter": True, "collectorHost": "otel.monitoring.svc"}
    world.settings = OperatorSettings.model_validate(configuration(gateways=given))
    schema = '{"type": "object"}'
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "answers", "namespace": "ml"}}
    world.server.put(config | {"data": {"a.json": schema}})
    wanted = a_gateway()
    wanted["spec"]["routes"][0] |= {"responseSchemaRef": {"name": "answers", "key": "a.json"}}
    world.server.put(wanted)
    await world.look(rounds=2)
    (deployment,) = world.server.all("Deployment")
    names = [each["name"] for each in deployment["spec"]["template"]["spec"]["initContainers"]]
    assert names == ["agent", "adapter"]
    made = world.program()
    (check,) = [json.loads(text) for place, text in made.files.items() if place.startswith("checks/")]
    assert check == {"schema": schema, "again": False}
    assert "otel.monitoring.svc:4318/v1/traces" in made.files["lds.json"]
    text = b'{"generation":1,"digest":"0a","program":' + snapshot.write(made) + b"}"
    assert Held(tmp_path, "ml/public").numbered(text).program == made


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


async def test_the_program_says_how_long_a_budget_is_served_without_the_ledger_and_who_is_suspended(
    world: World,
) -> None:
    world.server.put(a_gateway())
    world.server.put(a_consumer(budgets=[consumers.budget(graceSeconds=7)], suspended=True))
    await world.look(rounds=2)
    program = world.program()
    assert list(program.graces.values()) == [7]
    assert program.suspended == tuple(program.graces)


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


@asynccontextmanager
async def follower(world: World, folder: Path) -> AsyncIterator[World]:
    """Another replica, which does not lead and may not write."""
    (folder / "follower").mkdir()
    given = configuration(gateways={"tlsFolder": str(folder), "hosts": ["api.example.com"]})
    async with client(world.server, folder / "follower", Closed()) as api:
        made = World(world.server, api, OperatorSettings.model_validate(given))
        made.leads = False
        yield made


async def test_a_replica_that_does_not_lead_serves_the_same_under_the_same_number(world: World, tmp_path: Path) -> None:
    world.server.put(a_gateway())
    world.server.put(a_consumer(budgets=[consumers.budget()]))
    async with follower(world, tmp_path) as other:
        await other.look()
        assert other.board.of(PUBLIC) is None, "nobody has numbered it yet"
        await world.look(rounds=2)
        await other.look(rounds=3)
        leads, follows = world.board.of(PUBLIC), other.board.of(PUBLIC)
        assert leads is not None
        assert follows is not None
        assert (follows.stamp, follows.program, follows.addresses) == (leads.stamp, leads.program, leads.addresses)
        assert world.key() in follows.program.decode()


async def test_a_replica_whose_view_is_older_serves_nothing_under_a_number_that_it_does_not_come_to(
    world: World, tmp_path: Path
) -> None:
    world.server.put(a_gateway())
    async with follower(world, tmp_path) as other:
        await world.look()
        await other.look()
        gateway = other.doors.gateways.cache.owners[PUBLIC]
        world.server.put(a_consumer())
        await world.look(rounds=2)
        for desk in other.desks[:2]:  # its watch of Consumers is late
            await desk.resync.compare()
        other.doors.gateways.cache.owners[PUBLIC] = gateway
        results = [(await other.doors._reconcile(PUBLIC)).result for _ in range(2)]
        leads, follows = world.board.of(PUBLIC), other.board.of(PUBLIC)
        assert leads is not None
        assert follows is not None
        assert results == ["behind", "behind"]
        assert follows.behind
        assert follows.stamp != leads.stamp
        await other.look()
        assert (follows.stamp, follows.behind) == (leads.stamp, False)


async def test_a_replica_reads_a_key_anew_that_the_leader_has_seen_changed(world: World, tmp_path: Path) -> None:
    world.server.put(a_gateway())
    world.server.put(a_consumer())
    async with follower(world, tmp_path) as other:
        await world.look(rounds=2)
        await other.look()
        secret = world.server.get("Secret", "ml", "site-key")
        assert secret is not None
        new = base64.b64encode(b"pl_" + b"n" * 43).decode()
        world.server.put({**secret, "data": {**secret["data"], "token": new}})
        world.doors._gateways._workshop._secrets.expire([("ml", "site-key", "token")])
        await world.look()
        await other.look(rounds=4)
        leads, follows = world.board.of(PUBLIC), other.board.of(PUBLIC)
        assert leads is not None
        assert follows is not None
        assert follows.stamp == leads.stamp


async def test_who_leads_again_goes_on_from_the_number_of_who_led_meanwhile(world: World, tmp_path: Path) -> None:
    world.server.put(a_gateway())
    await world.look()
    async with follower(world, tmp_path) as other:
        other.doors._gateways._applier.api._fence = world.doors._gateways._applier.api._fence
        world.leads, other.leads = False, True
        other.doors.begin()
        for connections in (101, 102):
            metadata = world.server.get("Gateway", "ml", "public")["metadata"]  # type: ignore[index]
            world.server.put({**a_gateway(limits={"maxConnections": connections}), "metadata": metadata})
            await other.look()
        world.leads = True
        world.doors.begin()
        await world.look()
        (kept,) = [one["data"] for one in world.server.all("ConfigMap") if "generation" in one["data"]]
        posting = other.board.of(PUBLIC)
        assert posting is not None
        assert posting.stamp is not None
        assert int(kept["generation"]) >= posting.stamp.generation > 1


async def test_a_change_of_leaders_takes_nothing_from_what_is_said_of_a_gateway(world: World, tmp_path: Path) -> None:
    world.server.put(a_gateway())
    await world.look()
    world.pod_reports(1)
    await world.look()
    assert world.conditions("Gateway", "public")["Ready"] == ("True", "Serving")
    async with follower(world, tmp_path) as other:
        await other.look()
        other.doors._gateways._applier.api._fence = world.doors._gateways._applier.api._fence
        for leads, rests in ((other, world), (world, other)):
            rests.leads, leads.leads = False, True
            leads.doors.begin()
            await leads.look()
            assert world.conditions("Gateway", "public")["Ready"] == ("True", "Serving")
            posting = leads.board.of(PUBLIC)
            assert posting is not None
            assert posting.reports == {}, "what was said in an earlier term is old"


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


async def test_a_model_is_told_the_address_of_the_gateway_that_serves_it(world: World, tmp_path: Path) -> None:
    url = "http://public-gateway.ml.svc:8080/v1"
    asked: list[Key] = []
    world.desks[0].look_soon_at = asked.append  # type: ignore[method-assign]
    world.server.put(model())
    world.server.put(a_gateway(routes=[gateways.route()]))
    await world.look()
    front = world.doors.fronts.front
    assert (front(CHAT, "").known, front(CHAT, "").url) == (True, ""), "no pod has the program"
    posting = world.board.of(PUBLIC)
    assert posting is not None
    assert posting.stamp is not None
    world.pod_reports(posting.stamp.generation)
    asked.clear()
    await world.look()
    assert (front(CHAT, "").url, front(CHAT, "").lost, asked) == (url, False, [CHAT])
    assert front(Key("ml", "other"), url).url == ""
    world.pod_reports(0)
    asked.clear()
    await world.look()
    assert (front(CHAT, url).url, asked) == (url, []), "it stays while a pod is behind"
    world.server.remove(world.server.all("Gateway")[0])
    for desk in world.desks:
        await desk.resync.compare()
    await world.doors._gateways.reconcile(PUBLIC)
    assert (front(CHAT, url).url, asked) == ("", [CHAT])


async def test_a_leader_that_has_just_begun_does_not_know_yet_and_looks_once_more_when_it_does(
    world: World, tmp_path: Path
) -> None:
    told = {"status": {"endpoint": "http://gone-gateway.ml.svc:8080/v1"}}
    world.server.put(model() | told)
    world.server.put(a_gateway())
    asked: list[Key] = []
    world.desks[0].look_soon_at = asked.append  # type: ignore[method-assign]
    for desk in world.desks:
        await desk.resync.compare()
    asked.clear()
    assert not world.doors.fronts.front(CHAT, "").known
    await world.doors._gateways.reconcile(PUBLIC)
    assert (world.doors.fronts.front(CHAT, "").known, asked) == (True, [CHAT])
    await world.doors._gateways.reconcile(PUBLIC)
    assert asked == [CHAT]


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
