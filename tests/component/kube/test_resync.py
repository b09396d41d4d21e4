import asyncio

import pytest

from paceline.kube import client as clients
from paceline.kube import resync as module
from paceline.kube.cache import Cache
from paceline.kube.family import MODELS
from paceline.kube.resources import DEPLOYMENTS, MODELDEPLOYMENTS, PODS, SERVICES, Key
from paceline.kube.resync import Resync
from tests.support.apiserver import FakeApiServer, Fault
from tests.support.worlds import child, client, eventually, model

OWNER = Key("ml", "chat")
KEY = Key("ml", "chat-1")


@pytest.fixture
async def world(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.01)
    async with FakeApiServer().running() as server, client(server, tmp_path) as api:
        changed: list[Key] = []
        server.put(model())
        server.put(child("Deployment", spec={"replicas": 1, "template": {}}))
        server.put(child())
        server.put(child("Pod", name="p"))
        resync = Resync(api, Cache(MODELS), ("ml",), changed.append)
        await resync.prime()
        changed.clear()
        yield server, resync, changed


async def test_priming_fills_the_cache_and_keeps_bodies_of_what_we_apply(world):
    _, resync, _ = world
    assert resync.primed.is_set()
    assert OWNER in resync.cache.owners
    assert resync.cache.children[DEPLOYMENTS][KEY].view.replicas == 1
    assert resync.cache.take_body(SERVICES, KEY) is not None
    assert resync.cache.take_body(PODS, Key("ml", "p")) is None


async def test_a_world_that_is_as_known_needs_no_corrections_and_no_reads(world):
    server, resync, changed = world
    before = len(server.calls)
    assert await resync.compare() == 0
    assert changed == []
    assert len(server.calls) == before + 10, "one metadata LIST per kind"
    assert all("PartialObjectMetadataList" in call.headers["Accept"] for call in server.calls[before:])


async def test_what_the_watch_lost_is_found(world):
    server, resync, changed = world
    server.put({**server.get("Deployment", "ml", "chat-1"), "spec": {"replicas": 3, "template": {}}})
    server.put(child(name="new"))
    server.put(model("other"))
    assert await resync.compare() == 3
    assert resync.cache.children[DEPLOYMENTS][KEY].view.replicas == 3
    assert Key("ml", "new") in resync.cache.children[SERVICES]
    assert set(changed) == {OWNER, Key("ml", "other")}


async def test_an_object_known_only_from_our_own_write_is_read(world):
    server, resync, changed = world
    made = server.put(child("Deployment", name="made", spec={"replicas": 2, "template": {}}))
    resync._take(DEPLOYMENTS, made, whole=False)
    changed.clear()
    assert await resync.compare() == 1
    assert resync.cache.children[DEPLOYMENTS][Key("ml", "made")].view.replicas == 2
    assert changed == [OWNER]


async def test_what_vanished_is_dropped_and_its_owner_looked_at(world):
    server, resync, changed = world
    server.remove(server.get("Pod", "ml", "p"))
    server.remove(server.get("ModelDeployment", "ml", "chat"))
    assert await resync.compare() == 2
    assert resync.cache.children[PODS] == {}
    assert OWNER not in resync.cache.owners
    assert changed == [OWNER, OWNER]


async def test_what_the_watch_brings_a_moment_later_is_no_correction(world, monkeypatch):
    server, resync, _ = world
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.2)
    server.put({**server.get("Deployment", "ml", "chat-1"), "spec": {"replicas": 3, "template": {}}})
    asked = len(server.calls)
    comparing = asyncio.create_task(resync.compare())
    await eventually(lambda: any(call.path.endswith("/deployments") for call in server.calls[asked:]))
    resync._take(DEPLOYMENTS, server.get("Deployment", "ml", "chat-1"))
    assert await comparing == 0


async def test_an_object_newer_than_the_list_did_not_vanish(world):
    server, resync, _ = world
    hidden = ("v1", "pods", "ml", "fresh")
    fresh = server.put(child("Pod", name="fresh"))
    server.hidden.add(hidden)  # as if it had been made after the list was read
    fresh["metadata"]["resourceVersion"] = "999999"
    resync._take(PODS, fresh)
    assert await resync.compare() == 0
    assert Key("ml", "fresh") in resync.cache.children[PODS]


async def test_an_object_that_is_gone_before_it_is_read_is_no_correction(world):
    server, resync, _ = world
    server.put(child("Pod", name="q"))
    server.faults = [Fault(lambda call: call.path.endswith("/pods/q"), status=404)]
    assert await resync.compare() == 0


async def test_priming_begins_a_list_again_that_expires_half_way(world, monkeypatch):
    server, resync, _ = world
    monkeypatch.setattr(clients, "_PAGE", 1)
    server.put(model("b"))
    server.faults = [Fault(lambda call: "continue" in call.query, status=410)]
    await resync.prime()
    assert len(resync.cache.owners) == 2
    server.faults = [Fault(lambda call: "continue" in call.query, status=410, times=9)]
    with pytest.raises(module.Transient):
        await resync.prime()


async def test_priming_anew_forgets_what_is_gone(world):
    server, resync, changed = world
    server.remove(server.get("Pod", "ml", "p"))
    await resync.prime()
    assert resync.cache.children[PODS] == {}
    assert changed == [OWNER]


async def test_a_failed_comparison_is_repeated_at_the_next_turn(world):
    server, resync, _ = world
    server.put(model("late"))
    server.faults = [Fault(lambda call: True, status=503)]
    task = asyncio.create_task(resync.run(lambda: 0.05))
    await eventually(lambda: Key("ml", "late") in resync.cache.owners)
    task.cancel()


async def test_without_namespaces_the_whole_cluster_is_compared(world):
    server, resync, _ = world
    everywhere = Resync(resync.api, Cache(MODELS), (None,), lambda _: None)
    server.put(model(namespace="other"))
    await everywhere.prime()
    assert len(everywhere.cache.versions(MODELDEPLOYMENTS)) == 2
    assert server.calls[-1].path.count("namespaces") == 0


async def test_priming_keeps_what_the_watch_showed_after_the_list_was_read(world):
    server, resync, _ = world
    fresh = server.put(child("Pod", name="fresh"))
    server.hidden.add(("v1", "pods", "ml", "fresh"))
    fresh["metadata"]["resourceVersion"] = "999999"
    resync._take(PODS, fresh)
    await resync.prime()
    assert Key("ml", "fresh") in resync.cache.children[PODS]


async def test_a_namespace_that_may_not_be_read_does_not_keep_the_others_waiting(world):
    server, resync, _ = world
    both = Resync(resync.api, Cache(MODELS), ("gone", "ml"), lambda _: None)
    server.faults = [Fault(lambda call: "/gone/" in call.path, status=403, message="forbidden", times=99)]
    await both.prime()
    assert both.primed.is_set()
    assert OWNER in both.cache.owners
    server.put(model("late"))
    assert await both.compare() == 1
    server.faults = []
    server.put(model(namespace="gone"))
    assert await both.compare() == 1


async def test_what_is_older_in_a_later_list_comes_from_a_backup_and_is_taken(world):
    server, resync, changed = world
    restore = server.backup()
    server.put({**server.get("Deployment", "ml", "chat-1"), "spec": {"replicas": 3, "template": {}}})
    server.put(model(replicas=3))
    await resync.compare()
    changed.clear()
    restore()
    assert await resync.compare() == 0, "a list that is older than what is known may only be a late one"
    for number in range(3):
        server.put(child("Pod", name=f"later-{number}"))
    assert await resync.compare() == 2 + 3
    assert resync.cache.children[DEPLOYMENTS][KEY].view.replicas == 1
    assert resync.cache.owners[OWNER].body["spec"].get("replicas") != 3
    assert OWNER in changed
