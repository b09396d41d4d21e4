"""The fault proxy itself: what passes, what is struck, and what the API server got to see."""

from __future__ import annotations

import asyncio
import contextlib
import json

import aiohttp
import pytest

from tests.faultproxy.calls import Call, calls, writes
from tests.faultproxy.proxy import proxying
from tests.faultproxy.rules import Answer, AsOf, Cut, Delay, ErrorFrame, Hold, Silence, Strike, Truncated
from tests.support.apiserver import FakeApiServer

PODS = "/api/v1/namespaces/ml/pods"
WATCH = {"watch": "true"}


def pod(name):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "ml"}}


@pytest.fixture
async def server():
    async with FakeApiServer().running() as server:
        yield server


@pytest.fixture
def proxy(server, tmp_path):
    with proxying(server.kubeconfig(tmp_path)) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy):
    async with aiohttp.ClientSession(base_url=proxy.url, timeout=aiohttp.ClientTimeout(total=10)) as client:
        yield client


async def frame(response):
    return json.loads(await response.content.readline())


async def until(holds):
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - the proxy lives in another loop
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("GET /api/v1/namespaces/ml/pods", ("list", "", "pods", "ml", "", "")),
        ("GET /api/v1/pods", ("list", "", "pods", "", "", "")),
        ("GET /api/v1/namespaces/ml/pods/a", ("get", "", "pods", "ml", "a", "")),
        ("GET /api/v1/namespaces/ml", ("get", "", "namespaces", "", "ml", "")),
        ("PUT /api/v1/namespaces/ml/finalize", ("update", "", "namespaces", "", "ml", "finalize")),
        ("POST /apis/apps/v1/namespaces/ml/deployments", ("create", "apps", "deployments", "ml", "", "")),
        ("PATCH /apis/apps/v1/namespaces/ml/deployments/a/scale", ("patch", "apps", "deployments", "ml", "a", "scale")),
        ("DELETE /apis/apps/v1/namespaces/ml/deployments/a", ("delete", "apps", "deployments", "ml", "a", "")),
        ("DELETE /apis/apps/v1/namespaces/ml/deployments", ("deletecollection", "apps", "deployments", "ml", "", "")),
        ("GET /apis/apps/v1", ("get", "", "", "", "", "")),
        ("GET /healthz", ("get", "", "", "", "", "")),
    ],
)  # fmt: skip
def test_a_request_line_is_read_as_verb_resource_and_name(line, words):
    method, path = line.split()
    call = Call.parse(method, path, {})
    assert (call.verb, call.group, call.resource, call.namespace, call.name, call.subresource) == words


async def test_without_rules_everything_passes_unchanged(server, client, proxy):
    server.put(pod("a"))
    async with client.get(PODS) as through, aiohttp.request("GET", server.url + PODS) as direct:
        assert (through.status, await through.read()) == (direct.status, await direct.read())
    async with client.post(PODS, json=pod("b"), headers={"X-Mark": "kept"}) as answer:
        assert answer.status == 201
    assert server.calls[-1].headers["X-Mark"] == "kept"
    assert server.calls[-1].body == pod("b")
    assert server.get("Pod", "ml", "b")
    assert proxy.counts() == {("list", "pods"): 1, ("create", "pods"): 1}


async def test_a_watch_streams_frame_by_frame(server, client):
    async with client.get(PODS, params=WATCH) as response:
        for name in ("a", "b"):
            server.put(pod(name))
            assert (await frame(response))["object"]["metadata"]["name"] == name


async def test_the_kth_matching_call_is_answered_with_a_status_that_the_server_never_sent(server, client, proxy):
    rule = proxy.add(calls("list", of="pods"), Answer(429, "slowly", retry_after=7), first=2, times=1)
    statuses = []
    for _ in range(3):
        async with client.get(PODS) as answer:
            statuses.append(answer.status)
            if answer.status == 429:
                assert answer.headers["Retry-After"] == "7"
                assert (await answer.json())["reason"] == "TooManyRequests"
    assert statuses == [200, 429, 200]
    assert (rule.matched, rule.struck) == (3, 1)
    assert [call.upstream for call in proxy.calls] == [True, False, True]
    assert len(server.calls) == 2


async def test_a_rule_without_an_end_strikes_until_it_is_removed(client, proxy):
    with proxy.fault(calls("list"), Answer(503)):
        for _ in range(3):
            async with client.get(PODS) as answer:
                assert answer.status == 503
    async with client.get(PODS) as answer:
        assert answer.status == 200


async def test_an_error_frame_ends_a_watch_that_begins(client, proxy):
    proxy.add(calls("watch", of="pods"), ErrorFrame(410), times=1)
    async with client.get(PODS, params=WATCH) as response:
        assert (await frame(response))["object"]["code"] == 410
        assert await response.content.read() == b""


async def test_an_error_frame_is_put_into_a_watch_that_runs(server, client, proxy):
    async with client.get(PODS, params=WATCH) as response:
        server.put(pod("a"))
        await frame(response)
        assert proxy.watches(calls(of="deployments")) == 0
        assert proxy.inject(calls(of="pods"), 500, "broken") == 1
        said = await frame(response)
        assert (said["type"], said["object"]["code"], said["object"]["message"]) == ("ERROR", 500, "broken")
        assert await response.content.read() == b""


async def test_a_cut_connection_gets_no_answer_and_the_server_no_request(server, client, proxy):
    proxy.add(writes, Cut())
    with pytest.raises(aiohttp.ClientError):
        await client.post(PODS, json=pod("a"))
    assert server.calls == []
    assert proxy.calls[0].status == 0


async def test_a_lost_answer_is_that_of_a_request_that_was_carried_out(server, client, proxy):
    proxy.add(writes, Cut(done=True))
    with pytest.raises(aiohttp.ClientError):
        await client.post(PODS, json=pod("a"))
    assert server.get("Pod", "ml", "a")
    assert proxy.calls[0].status == 201


async def test_running_watches_are_cut(client, proxy):
    async with client.get(PODS, params=WATCH) as response:
        await until(lambda: proxy.watches(calls(of="pods")) == 1)
        assert proxy.cut(calls(of="pods")) == 1
        with pytest.raises(aiohttp.ClientError):
            await response.content.readline()


async def test_watches_can_be_cut_every_few_moments(client, proxy):
    proxy.add(calls("watch"), Cut(after=0.05))
    for _ in range(2):
        async with client.get(PODS, params=WATCH) as response:
            with pytest.raises(aiohttp.ClientError):
                await response.content.readline()


async def test_a_delayed_call_arrives_later(client, proxy):
    loop = asyncio.get_running_loop()
    proxy.add(calls("list"), Delay(0.2), times=1)
    begun = loop.time()
    async with client.get(PODS) as answer:
        assert answer.status == 200
    assert loop.time() - begun >= 0.2


async def test_a_held_call_is_carried_out_when_it_is_let_go_even_if_its_client_has_gone(server, client, proxy):
    hold = proxy.add(writes, Hold())
    with pytest.raises(TimeoutError):
        await client.post(PODS, json=pod("a"), timeout=aiohttp.ClientTimeout(total=0.1))
    assert server.calls == []
    proxy.remove(hold)
    await until(lambda: server.get("Pod", "ml", "a"))


async def test_in_silence_nothing_comes_and_afterwards_the_connection_is_dead(server, client, proxy):
    async with client.get(PODS, params=WATCH) as response:
        await until(lambda: proxy.watches(calls(of="pods")) == 1)
        with proxy.fault(calls(of="pods"), Silence()):
            server.put(pod("a"))
            with pytest.raises(TimeoutError):
                await client.get(PODS, timeout=aiohttp.ClientTimeout(total=0.1))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(response.content.readline(), 0.1)
        with pytest.raises(aiohttp.ClientError):
            await response.content.readline()
    async with client.get(PODS) as answer:
        assert len((await answer.json())["items"]) == 1


async def test_of_a_truncated_answer_half_arrives_and_what_was_asked_is_done(server, client, proxy):
    proxy.add(writes, Truncated())
    async with client.post(PODS, json=pod("a")) as answer:
        assert answer.status == 201
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
    assert server.get("Pod", "ml", "a")


@pytest.mark.parametrize(
    ("moment", "done", "answered"), [("before", False, False), ("unanswered", True, False), ("answered", True, True)]
)
async def test_a_strike_comes_at_its_moment_of_the_call(server, client, proxy, moment, done, answered):
    acts = []
    proxy.add(writes, Strike(moment, lambda: acts.append(server.get("Pod", "ml", "a") is not None)))
    got = False
    with contextlib.suppress(aiohttp.ClientError):
        async with client.post(PODS, json=pod("a")) as answer:
            got = (await answer.json())["metadata"]["name"] == "a"
    await until(lambda: acts)
    assert acts == [done]
    assert got is answered
    assert bool(server.get("Pod", "ml", "a")) is done


async def test_a_list_can_be_asked_as_of_an_earlier_version(server, client, proxy):
    proxy.add(calls("list", of="pods"), AsOf(lambda: "77"))
    async with client.get(PODS, params={"limit": "5"}) as answer:
        assert answer.status == 200
    assert server.calls[-1].query == {"limit": "5", "resourceVersion": "77", "resourceVersionMatch": "Exact"}
    async with client.get(PODS, params={"continue": "5.100"}) as answer:
        assert answer.status == 200
    assert server.calls[-1].query == {"continue": "5.100"}


async def test_a_witness_is_told_what_was_sent_and_what_came_back(server, tmp_path):
    seen = []
    with proxying(server.kubeconfig(tmp_path), witness=lambda *what: seen.append(what)) as proxy:
        async with aiohttp.ClientSession(base_url=proxy.url) as client, client.post(PODS, json=pod("a")) as answer:
            assert answer.status == 201
    ((call, sent, came),) = seen
    assert (call.verb, call.status) == ("create", 201)
    assert json.loads(sent) == pod("a")
    assert json.loads(came)["metadata"]["uid"]


async def test_a_lens_sees_whole_frames_and_decides_what_the_client_gets(server, tmp_path):
    shown = {"a": 0, "b": 2, "c": 1}

    async def lens(call, line):
        name = json.loads(line)["object"]["metadata"]["name"]
        return line * shown[name] if call.resource == "pods" else line

    with proxying(server.kubeconfig(tmp_path), lens=lens) as proxy:
        async with aiohttp.ClientSession(base_url=proxy.url) as client, client.get(PODS, params=WATCH) as response:
            for name in shown:
                server.put(pod(name))
            got = [(await frame(response))["object"]["metadata"]["name"] for _ in range(3)]
    assert got == ["b", "b", "c"]
