"""What kopf 1.45.2 does not survive (K1-K16 of docs/design/kopf.md), the operator does. One test each."""

import asyncio
import inspect
import io
import logging

import pytest

from paceline import handlers
from paceline.handlers import Watcher, kopf_settings
from paceline.kube.connection import Connection
from paceline.kube.logs import set_up
from paceline.kube.probes import Health
from paceline.kube.resources import PODS, Key
from tests.support.apiserver import FakeApiServer, Fault
from tests.support.worlds import child, condition, configuration, eventually, model, operator, status

CHAT = Key("ml", "chat")


@pytest.fixture
async def server(monkeypatch):
    monkeypatch.setattr(handlers, "_PAUSES", handlers.Backoff(first=0.05, most=0.2))
    async with FakeApiServer().running() as made:
        yield made


@pytest.fixture
def quick(monkeypatch):
    """kopf's endless back-off, shortened."""
    original = kopf_settings

    def settings():
        made = original()
        made.networking.error_backoffs = handlers.Backoff(first=0.05, most=0.2)
        return made

    monkeypatch.setattr(handlers, "kopf_settings", settings)


async def watching(server, *plurals):
    for plural in plurals or ("modeldeployments", "deployments", "pods", "endpointslices"):
        await eventually(lambda plural=plural: server.watchers(plural) == 1, what=f"a watch of {plural}")


async def reconciled(server, name="chat"):
    await eventually(lambda: condition(server, "Accepted", name).get("status") == "True", what=f"{name} is reconciled")


async def test_k1_an_error_frame_in_a_watch_restarts_the_watcher_and_nothing_else(server, tmp_path):
    async with operator(server, tmp_path) as one:
        await watching(server)
        await eventually(lambda: one.leader.leading)
        changes = one.leader
        assert server.send_error("modeldeployments", 500) == 1
        await eventually(lambda: not server.watchers("pods"))
        await watching(server)
        server.put(model())
        await reconciled(server)
        assert one.leader is changes
        assert one.leader.leading


async def test_k2_a_server_that_answers_503_for_long_is_outlasted(server, tmp_path, quick):
    async with operator(server, tmp_path):
        await watching(server)
        fault = Fault(lambda call: call.method == "GET" and "leases" not in call.path, times=60, status=503)
        server.faults = [fault]
        for plural in ("modeldeployments", "deployments", "pods", "endpointslices"):
            server.cut(plural)
        server.put(model())
        await eventually(lambda: fault.times < 45, 20)
        server.faults.clear()
        await reconciled(server)


def test_k2_kopf_never_gives_up_never_posts_and_never_kills_its_thread():
    settings = kopf_settings()
    pauses = iter(settings.networking.error_backoffs)
    assert all(0 < next(pauses) < 40 for _ in range(1000))
    assert settings.process.ultimate_exiting_timeout is None
    assert not settings.posting.enabled
    assert settings.peering.standalone
    assert settings.persistence.diffbase_storage.build(body={"spec": {}}) == {}
    assert settings.persistence.diffbase_storage.fetch(body={}) is None


async def test_k3_a_permission_that_is_taken_away_for_a_while_is_outlasted(server, tmp_path, quick):
    async with operator(server, tmp_path) as one:
        await watching(server)
        fault = Fault(lambda call: call.watch or call.path.endswith("modeldeployments"), times=10**6, status=403)
        server.faults = [fault]
        server.cut("modeldeployments")
        server.put(model())
        await eventually(lambda: fault.times < 10**6 - 12, 20)
        assert not one.health.silent()
        server.faults.clear()
        await reconciled(server)


async def test_k4_too_many_requests_slow_the_watcher_and_do_not_end_it(server, tmp_path, quick):
    async with operator(server, tmp_path):
        await watching(server)
        fault = Fault(lambda call: call.watch, times=5, status=429, headers={"Retry-After": "0"})
        server.faults = [fault]
        server.cut("modeldeployments")
        await eventually(lambda: fault.times == 0, 20)
        server.put(model())
        await reconciled(server)


async def test_k5_a_continue_token_that_expires_is_no_end(server, tmp_path, monkeypatch):
    original = kopf_settings

    def settings():
        made = original()
        made.watching.chunk_size = 1
        return made

    monkeypatch.setattr(handlers, "kopf_settings", settings)
    for name in ("a", "b", "c"):
        server.put(model(name))
    fault = Fault(lambda call: call.query.get("limit") == "1" and "continue" in call.query, status=410)
    server.faults = [fault]
    async with operator(server, tmp_path):
        await eventually(lambda: fault.times == 0)
        await watching(server)
        server.put(model("d"))
        for name in "abcd":
            await reconciled(server, name)


async def test_k6_an_object_that_vanished_while_the_watch_was_away_leaves_the_cache(server, tmp_path):
    server.put(model())
    server.put(child("Pod", name="p"))
    async with operator(server, tmp_path, config=configuration(resyncSeconds=1)) as one:
        await watching(server)
        await eventually(lambda: Key("ml", "p") in one.models.cache.children[PODS])
        server.remove(server.get("Pod", "ml", "p"), silently=True)
        server.remove(server.get("ModelDeployment", "ml", "chat"), silently=True)
        server.compact()
        server.cut("pods")
        server.cut("modeldeployments")
        await eventually(lambda: Key("ml", "p") not in one.models.cache.children[PODS])
        await eventually(lambda: CHAT not in one.models.cache.owners)


@pytest.mark.parametrize(("code", "times"), [(409, 1), (503, 3), (500, 2)])
async def test_k7_a_status_write_that_fails_is_done_later_without_any_event(server, tmp_path, code, times):
    server.faults = [Fault(lambda call: call.path.endswith("/status"), times=times, status=code)]
    async with operator(server, tmp_path):
        server.put(model())
        await reconciled(server)


async def test_k7_a_status_write_that_is_refused_is_tried_again_at_the_resync(server, tmp_path):
    server.faults = [Fault(lambda call: call.path.endswith("/status"), status=422)]
    async with operator(server, tmp_path, config=configuration(resyncSeconds=1)):
        server.put(model())
        await reconciled(server)


async def test_k8_no_body_reaches_the_log_and_no_copy_of_a_spec_the_object(server, tmp_path):
    stream, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:], root.level
    set_up("INFO", stream)
    try:
        async with operator(server, tmp_path):
            server.put(model(engine={"args": ["--canary-4711"], "custom": {"inference": "None"}}))
            await reconciled(server)
            server.send_error("modeldeployments", 500, "token=abcdef123456")
            await eventually(lambda: "ended and is started again" in stream.getvalue())
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
    assert "canary-4711" not in stream.getvalue()
    assert "abcdef123456" not in stream.getvalue()
    assert "annotations" not in server.get("ModelDeployment", "ml", "chat")["metadata"]


async def test_k9_two_operators_need_no_peering_because_only_the_lease_holder_writes(server, tmp_path):
    async with (
        operator(server, tmp_path, identity="one") as one,
        operator(server, tmp_path, identity="two") as two,
    ):
        await eventually(lambda: one.leader.leading or two.leader.leading)
        server.put(model())
        await reconciled(server)
        assert one.leader.leading != two.leader.leading
        await eventually(lambda: CHAT in one.models.cache.owners and CHAT in two.models.cache.owners)
        await eventually(lambda: status(server).get("observedGeneration") == 1)
        assert len(server.writes("/deployments")) == 1
        assert not [call for call in server.calls if "peering" in call.path]
        assert one.health.ready
        assert two.health.ready


async def test_k10_every_write_to_a_known_object_says_which_state_it_was_decided_on(server, tmp_path):
    async with operator(server, tmp_path):
        server.put(model())
        await reconciled(server)
        server.put(model(replicas=2))
        await eventually(lambda: server.all("Deployment")[0]["spec"]["replicas"] == 2)
        await eventually(lambda: status(server).get("observedGeneration") == 2)
    created: set[str] = set()
    for call in server.writes():
        if "/events" in call.path:
            continue
        known = call.path in created or call.path.endswith("/status")
        assert not known or call.body["metadata"].get("resourceVersion"), call
        created.add(call.path)


async def test_k11_what_was_just_written_is_known_though_the_watch_is_late(server, tmp_path):
    async with operator(server, tmp_path) as one:
        await watching(server)
        server.put(model())
        await eventually(lambda: CHAT in one.models.cache.owners)
        server.mute = True
        await reconciled(server)
        written = server.get("ModelDeployment", "ml", "chat")["metadata"]["resourceVersion"]
        await eventually(lambda: one.models.cache.owners[CHAT].version == written)


async def test_k12_a_problem_that_only_a_person_can_cure_is_looked_at_again_at_each_resync(server, tmp_path):
    server.put({**child(name="chat-x"), "metadata": {"name": "x", "namespace": "ml"}})
    fault = Fault(lambda call: "/services/" in call.path and call.write, times=2, status=422, message="bad")
    server.faults = [fault]
    async with operator(server, tmp_path, config=configuration(resyncSeconds=1)):
        server.put(model())
        await eventually(lambda: condition(server, "Accepted").get("reason") == "ApplyRefused")
        await reconciled(server)
        assert fault.times == 0


async def test_k13_no_handler_runs_in_a_thread_pool(server, tmp_path):
    connection = Connection(server.kubeconfig(tmp_path))
    watcher = Watcher(connection, ("ml",), lambda _: None, Health())
    found = watcher._registry._watching.get_all_handlers()
    assert len(found) == 8, "three kinds of ours, Deployments, pods, EndpointSlices, ConfigMaps, ControllerRevisions"
    assert all(inspect.iscoroutinefunction(handler.fn) for handler in found)


async def test_k14_an_end_in_the_middle_of_a_reconcile_is_quick_and_the_next_start_completes_it(server, tmp_path):
    slow = Fault(lambda call: "/services/" in call.path and call.write, seconds=30)
    server.faults = [slow]
    loop = asyncio.get_running_loop()
    async with operator(server, tmp_path, identity="one"):
        server.put(model())
        await eventually(lambda: slow.times == 0)
        begun = loop.time()
    assert loop.time() - begun < 5
    assert server.all("Lease")[0]["spec"]["holderIdentity"] == ""
    assert server.all("Deployment") == []
    async with operator(server, tmp_path, identity="two"):
        await reconciled(server)
    assert len(server.all("Deployment")) == 1
    assert len(server.all("ServiceAccount")) == 1


async def test_k15_progress_is_recomputed_from_the_children_and_never_annotated(server, tmp_path):
    async with operator(server, tmp_path):
        server.put(model())
        await reconciled(server)
        kind = server.get("ModelDeployment", "ml", "chat")
        server.remove(kind)
        server.put(model())
        await eventually(lambda: server.get("ModelDeployment", "ml", "chat").get("status"))
    assert all("annotations" not in one["metadata"] for one in server.all("ModelDeployment"))
    assert all("metadata" not in call.body or "finalizers" not in call.body["metadata"] for call in server.writes())


async def test_k16_a_watch_that_falls_silent_is_made_up_for_by_the_resync(server, tmp_path):
    async with operator(server, tmp_path, config=configuration(resyncSeconds=1)):
        await watching(server)
        server.mute = True
        server.put(model())
        await reconciled(server)


async def test_an_idle_watch_is_alive_as_long_as_the_server_says_that_nothing_happened(server, tmp_path):
    async with operator(server, tmp_path) as one:
        await watching(server)
        await eventually(lambda: one.health.age("watch") > 0.5)
        assert one.health.age("stream") > 0.5
        before = len(server.calls)
        assert server.bookmark("pods") == 1
        await eventually(lambda: one.health.age("watch") < 0.4, 3)
        assert not [call for call in server.calls[before:] if call.watch], "no watch was begun anew"
        assert one.health.age("stream") < 0.5


async def test_the_watcher_waits_for_kinds_that_are_not_installed_yet(server, tmp_path, monkeypatch):
    monkeypatch.setattr(handlers, "_KIND_MISSING_SECONDS", 0.05)
    fault = Fault(lambda call: call.path == "/apis/paceline.dev/v1alpha1", times=3, status=404)
    broken = Fault(lambda call: call.path == "/apis/paceline.dev/v1alpha1", times=1, lose=True)
    server.faults = [fault, broken]
    async with operator(server, tmp_path):
        server.put(model())
        await reconciled(server)
        assert fault.times == 0
        assert broken.times == 0


async def test_the_watcher_stops_while_it_waits_for_kinds(server, tmp_path):
    server.faults = [Fault(lambda call: call.path == "/apis/paceline.dev/v1alpha1", times=99, status=404)]
    async with operator(server, tmp_path):
        await eventually(lambda: server.faults[0].times < 99)


async def test_an_expired_credential_is_replaced_under_kopf(server, tmp_path):
    async with operator(server, tmp_path):
        await watching(server)
        fault = Fault(lambda call: call.watch, times=1, status=401)
        server.faults = [fault]
        server.cut("modeldeployments")
        await eventually(lambda: fault.times == 0)
        server.put(model())
        await reconciled(server)


async def test_pods_of_others_are_never_sent_to_us(server, tmp_path):
    async with operator(server, tmp_path):
        await watching(server)
    lists = [call for call in server.calls if call.method == "GET" and call.path.endswith(("/pods", "/deployments"))]
    assert lists
    assert all("managed-by=paceline" in call.query.get("labelSelector", "") for call in lists)
    assert not [
        call for call in server.calls if call.path.startswith("/api/v1/namespaces") and call.path.count("/") == 3
    ]
