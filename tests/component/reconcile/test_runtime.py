"""The operator as a whole, in this process, against the fake API server."""

import httpx
import pytest
import yaml

from paceline.kube.resources import Key
from paceline.reconcile import configuration as configuration_module
from paceline.reconcile import runtime, workshop
from tests.support import gateways
from tests.support.apiserver import FakeApiServer, Fault
from tests.support.worlds import Silent, condition, configuration, eventually, model, operator, status, stays


@pytest.fixture
async def server():
    async with FakeApiServer().running() as made:
        yield made


async def accepted(server, name="chat"):
    await eventually(lambda: condition(server, "Accepted", name).get("status") == "True")


async def test_an_object_is_brought_about_changed_and_healed(server, tmp_path):
    async with operator(server, tmp_path, config=configuration(resyncSeconds=1)):
        server.put(model())
        await accepted(server)
        server.put(model(replicas=3))
        await eventually(lambda: server.all("Deployment")[0]["spec"]["replicas"] == 3)
        server.remove(server.all("Service")[0])
        await eventually(lambda: server.all("Service"))
        server.remove(server.all("Deployment")[0])
        await eventually(lambda: server.all("Deployment"))


async def test_it_answers_its_probes_and_shows_its_metrics(server, tmp_path):
    config = configuration()
    async with operator(server, tmp_path, config=config), httpx.AsyncClient() as web:
        health, port = (config["server"][name] for name in ("healthPort", "metricsPort"))
        assert (await web.get(f"http://127.0.0.1:{health}/readyz")).status_code == 200
        assert (await web.get(f"http://127.0.0.1:{health}/healthz")).text == "alive\n"
        server.put(model())
        await accepted(server)
        text = (await web.get(f"http://127.0.0.1:{port}/metrics")).text
        assert 'paceline_modeldeployment_condition{condition="Accepted",name="chat",namespace="ml"} 1.0' in text
        assert "paceline_leader 1.0" in text


async def test_it_is_not_ready_before_its_cache_is_filled(server, tmp_path):
    server.faults = [Fault(lambda call: call.path.endswith("/pods") and not call.watch, times=2, status=503)]
    server.put(model())
    async with operator(server, tmp_path, watcher=Silent):
        assert all(fault.times == 0 for fault in server.faults)
        await accepted(server)


async def test_a_profile_that_appears_is_used_without_any_event(server, tmp_path, monkeypatch):
    monkeypatch.setattr(configuration_module, "_LOOK_SECONDS", 0.05)
    config = configuration()
    async with operator(server, tmp_path, config={**config, "profiles": []}):
        server.put(model())
        await eventually(lambda: condition(server, "Accepted").get("reason") == "UnknownProfile")
        (tmp_path / "config-one.yaml").write_text(yaml.safe_dump(config))
        await accepted(server)
        (tmp_path / "config-one.yaml").write_text(yaml.safe_dump({**config, "profiles": []}))
        await eventually(lambda: condition(server, "Accepted").get("reason") == "UnknownProfile")
        assert server.all("Deployment"), "what was applied keeps serving"


async def test_a_restart_writes_nothing(server, tmp_path):
    async with operator(server, tmp_path):
        server.put(model())
        await eventually(lambda: condition(server, "Progressing").get("reason") == "RolloutInProgress")
    before = len(server.writes())
    async with operator(server, tmp_path) as again:
        await eventually(lambda: again.leader.leading)
        await stays(lambda: [call.path for call in server.writes()[before:]] == [], 0.5)


async def test_the_lease_goes_to_the_next_one_at_once_when_the_holder_ends(server, tmp_path):
    async with operator(server, tmp_path, identity="two"):
        async with operator(server, tmp_path, identity="one") as one:
            await eventually(lambda: server.all("Lease"))
            holder = server.all("Lease")[0]["spec"]["holderIdentity"]
            assert (holder == "one") == one.leader.leading
        await eventually(lambda: server.all("Lease")[0]["spec"]["holderIdentity"] == "two", 5)
        server.put(model())
        await accepted(server)


async def test_who_does_not_lead_serves_gateways_too(server, tmp_path):
    (tmp_path / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    config = configuration(gateways={"tlsFolder": str(tmp_path)})
    there = Key("ml", "public")

    def stamp(one):
        posting = one._doors._board.of(there)
        return posting.stamp if posting else None

    async with operator(server, tmp_path, identity="one", config=config) as one:
        await eventually(lambda: one.leader.leading)
        second = configuration(gateways={"tlsFolder": str(tmp_path)})
        async with operator(server, tmp_path, identity="two", config=second) as two:
            server.put(gateways.manifest({"routesFrom": "AllModelDeployments"}, namespace="ml"))
            await eventually(lambda: stamp(one) and stamp(two) == stamp(one))
            assert not two.leader.leading
            server.put(model())
            await eventually(lambda: stamp(one).generation > 1 and stamp(two) == stamp(one))


def ready_pod(server, name, address):
    """A pod of the model's Deployment, as its controllers and the kubelet make it."""
    (deployment,) = [one for one in server.all("Deployment") if one["metadata"]["name"].startswith("chat")]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    status = {"podIP": address, "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    metadata = {"name": name, "namespace": "ml", "labels": labels}
    server.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status})


async def test_a_further_pod_is_known_to_agents_of_every_replica_without_any_translation(server, tmp_path, monkeypatch):
    (tmp_path / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    given = {"tlsFolder": str(tmp_path)}

    def addresses(one):
        posting = one._doors._board.of(Key("ml", "public"))
        return "".join(posting.addresses.values()) if posting else ""

    async with (
        operator(server, tmp_path, identity="one", config=configuration(gateways=given)) as one,
        operator(server, tmp_path, identity="two", config=configuration(gateways=given)) as two,
    ):
        server.put(gateways.manifest({"routesFrom": "AllModelDeployments"}, namespace="ml"))
        server.put(model())
        await eventually(lambda: server.all("Deployment"))
        ready_pod(server, "chat-a", "10.9.0.1")
        await eventually(lambda: "10.9.0.1" in addresses(one) and "10.9.0.1" in addresses(two))
        await stays(lambda: True, 0.6)  # what the first pod changes is translated
        translated = []
        real = workshop.translate
        monkeypatch.setattr(workshop, "translate", lambda *seen: translated.append(1) or real(*seen))
        ready_pod(server, "chat-b", "10.9.0.2")
        await eventually(lambda: "10.9.0.2" in addresses(one) and "10.9.0.2" in addresses(two), 2)
        await stays(lambda: translated == [], 0.5)


async def test_a_holder_that_loses_the_lease_stops_and_takes_up_everything_when_it_has_it_again(server, tmp_path):
    async with operator(server, tmp_path) as one:
        await eventually(lambda: one.leader.leading)
        held = server.all("Lease")[0]
        server.put({**held, "spec": {**held["spec"], "holderIdentity": "other", "leaseDurationSeconds": 2}})
        await eventually(lambda: not one.leader.leading)
        server.put(model())
        await stays(lambda: one.leader.leading or status(server) == {})
        await accepted(server)


async def test_a_part_that_ends_by_itself_ends_the_process_with_its_error(server, tmp_path, monkeypatch, caplog):
    async def broken(*_):
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(runtime, "beat", broken)
    async with operator(server, tmp_path, watcher=Silent):
        pass
    assert "part heartbeat ended by itself" in caplog.text


async def test_a_standby_that_looked_long_ago_looks_again_before_it_decides(server, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_FRESH_SECONDS", 0.0)
    names = {"name": "paceline-operator", "namespace": "ml"}
    held = {"holderIdentity": "other", "leaseDurationSeconds": 2}
    server.put({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": names, "spec": held})
    async with operator(server, tmp_path, watcher=Silent) as one:
        assert one.health.ready
        assert not one.leader.leading
        server.put(model())  # no watch tells of it
        await accepted(server)


async def test_after_a_restore_of_etcd_what_came_back_counts(server, tmp_path):
    def lease():
        return server.all("Lease")[0]["metadata"]["resourceVersion"]

    async with operator(server, tmp_path):
        server.put(model())
        await accepted(server)
        restore, renewed = server.backup(), lease()
        server.put(model(replicas=3))
        await eventually(lambda: server.all("Deployment")[0]["spec"]["replicas"] == 3)
        await eventually(lambda: lease() != renewed)
        restore()
        server.put(model(replicas=2))
        await eventually(lambda: server.all("Deployment")[0]["spec"]["replicas"] == 2)
