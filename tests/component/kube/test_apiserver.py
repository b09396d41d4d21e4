"""The fake API server itself: where it says what Kubernetes would, and where it breaks on request."""

import asyncio

import aiohttp
import pytest

from tests.support.apiserver import FakeApiServer, Fault, frames
from tests.support.worlds import child, model

MODELS = "/apis/paceline.dev/v1alpha1/namespaces/ml/modeldeployments"
APPLY = {"Content-Type": "application/apply-patch+yaml"}


@pytest.fixture
async def world():
    async with FakeApiServer().running() as server, aiohttp.ClientSession(server.url) as session:
        yield server, session


async def test_a_list_is_paged_and_an_old_continue_token_is_gone(world):
    server, session = world
    for number in range(3):
        server.put(model(f"m{number}"))
    async with session.get(f"{MODELS}?limit=2") as answer:
        page = await answer.json()
    token = page["metadata"]["continue"]
    async with session.get(f"{MODELS}?limit=2&continue={token}") as answer:
        rest = await answer.json()
    server.compact()
    async with session.get(f"{MODELS}?limit=2&continue={token}") as answer:
        late = answer.status
    assert [len(page["items"]), len(rest["items"]), late] == [2, 1, 410]


async def test_apply_replaces_what_the_same_manager_set_and_leaves_the_rest(world):
    server, session = world
    path = "/api/v1/namespaces/ml/services/s?fieldManager=us"
    manifest = {"metadata": {"name": "s", "labels": {"a": "1", "b": "1"}}, "spec": {"x": 1}}
    async with session.patch(path, json=manifest, headers=APPLY) as answer:
        assert answer.status == 201
    known = server.get("Service", "ml", "s")
    server.put({**known, "metadata": {**known["metadata"], "annotations": {"theirs": "1"}}})
    async with session.patch(path, json={"metadata": {"name": "s", "labels": {"a": "2"}}}, headers=APPLY) as answer:
        assert answer.status == 200
    after = server.get("Service", "ml", "s")
    assert (after["metadata"]["labels"], after["metadata"]["annotations"]) == ({"a": "2"}, {"theirs": "1"})
    assert "spec" not in after


async def test_a_stale_resource_version_or_another_uid_is_a_conflict(world):
    server, session = world
    first = server.put(child())
    server.put({**first, "spec": {"changed": True}})
    path = "/api/v1/namespaces/ml/services/chat-1?fieldManager=us"
    for metadata in ({"resourceVersion": first["metadata"]["resourceVersion"]}, {"uid": "other"}):
        async with session.patch(path, json={"metadata": {"name": "chat-1", **metadata}}, headers=APPLY) as answer:
            assert answer.status == 409
    options = {"preconditions": {"uid": "other"}}
    async with session.delete("/api/v1/namespaces/ml/services/chat-1", json=options) as answer:
        assert answer.status == 409


async def test_a_spec_change_moves_the_generation_and_a_status_does_not(world):
    server, session = world
    server.put(model())
    body = {"metadata": {"name": "chat"}, "status": {"replicas": 1}}
    async with session.patch(f"{MODELS}/chat/status?fieldManager=us", json=body, headers=APPLY) as answer:
        assert (await answer.json())["metadata"]["generation"] == 1
    known = server.get("ModelDeployment", "ml", "chat")
    assert server.put({**known, "spec": {"replicas": 2}})["metadata"]["generation"] == 2


async def test_a_watch_replays_history_and_then_streams_also_errors(world):
    server, session = world
    server.put(child(name="other", owner="x"))
    old = server.put(child())["metadata"]["resourceVersion"]
    server.put(child(name="second"))
    path = f"/api/v1/namespaces/ml/services?watch=true&resourceVersion={old}&labelSelector=paceline.dev/modeldeployment"
    async with session.get(path) as answer:
        assert server.watchers("services") == 1
        server.remove(server.get("Service", "ml", "second"))
        server.send_error("services", 500)
        server.cut("services")
        seen = [frame["type"] for frame in frames(await asyncio.wait_for(answer.read(), 5))]
    assert seen == ["ADDED", "DELETED", "ERROR"]


async def test_a_watch_from_before_a_compaction_gets_410(world):
    server, session = world
    old = server.put(child())["metadata"]["resourceVersion"]
    server.put(child(name="b"))
    server.compact()
    async with session.get(f"/api/v1/services?watch=true&resourceVersion={old}") as answer:
        (frame,) = frames(await answer.read())
    assert frame["object"]["code"] == 410


async def test_faults_answer_or_lose_the_answer_a_number_of_times(world):
    server, session = world
    server.faults = [
        Fault(lambda call: call.method == "POST", times=1, status=503),
        Fault(lambda call: call.method == "POST", times=1, lose=True),
    ]
    path, body = "/api/v1/namespaces/ml/services", child()
    async with session.post(path, json=body) as answer:
        assert answer.status == 503
    with pytest.raises(aiohttp.ClientError):
        async with session.post(path, json=body):
            pass
    assert server.get("Service", "ml", "chat-1"), "the write itself was done"
