"""The agent beside a real Envoy: its files, what it does not take, starts without anybody, drains, records."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from paceline.api.record import Outcome
from paceline.gateway.ir import Branch, Cluster, Endpoint, Pods, Route
from tests.support.agent import KEY, TOKEN, Pod, a_pod, brought_up, until_status
from tests.support.door import SECRETS, answer
from tests.support.envoy import LOOPBACK, Server
from tests.support.envoy import serving as envoy_serving
from tests.support.neutral import answered_by
from tests.support.worlds import eventually

#: Within which the agent has looked at Envoy's counters.
LOOKS_SECONDS = 2.0
#: How long the operators are gone before Envoy is killed too.
GONE_SECONDS = 600 if os.environ.get("PACELINE_TEST_SIZE") == "full" else 0


@pytest_asyncio.fixture
async def pod(tmp_path: Path) -> AsyncIterator[Pod]:
    async with a_pod(tmp_path) as found:
        yield found


@pytest_asyncio.fixture
async def serving(pod: Pod) -> AsyncIterator[Pod]:
    async with pod.operator.serving():
        await brought_up(pod)
        yield pod


def with_models(pod: Pod, *models: str, cluster: str = "second", **more: Any) -> Any:
    """The gateway with further models."""
    routes = (*pod.gateway.routes, *(Route(model, (Branch(answered_by(cluster)),)) for model in models))
    return replace(pod.gateway, routes=routes, **more)


async def until_answered(pod: Pod, model: str, status: int = 200) -> float:
    """Seconds until a model is answered so."""
    began = time.monotonic()

    async def look() -> bool:
        return (await pod.ask(model))[0] == status

    await eventually(look, 10, f"{model} answered with {status}")
    return time.monotonic() - began


async def test_a_pod_comes_up_and_answers(serving: Pod) -> None:
    assert (await serving.ask())[0] == 200
    await eventually(lambda: serving.operator.report.generation == 1)
    assert serving.operator.report.rejected == ""
    assert serving.operator.report.credentials == ()
    assert (await serving.probe("/healthz"))[0] == 200
    assert oct((serving.folder / "files/rds.json").stat().st_mode)[-3:] == "600"


async def test_without_an_operator_a_new_pod_waits_and_is_not_ready(pod: Pod) -> None:
    pod.agent.start()
    await eventually(lambda: "no program" in pod.agent.log.read_text())
    assert (await pod.probe("/started"))[0] == (await pod.probe("/readyz"))[0] == 503
    assert (await pod.probe("/healthz"))[0] == 200
    pod.operator.post(pod.gateway)
    async with pod.operator.serving():
        await until_status(pod, "/started", 200, 15)


async def test_a_changed_route_is_live_within_a_second(serving: Pod) -> None:
    for number in range(5):
        serving.operator.post(with_models(serving, f"public-{number}"))
        assert await until_answered(serving, f"public-{number}") < 1
    await eventually(lambda: serving.operator.report.generation == 6)


async def test_a_route_that_moves_to_a_new_cluster_loses_no_request(serving: Pod) -> None:
    """Its servers are known to be healthy only some time after it is there."""
    statuses: list[int] = []
    over = asyncio.Event()
    serving.first.handler = _healthy_late

    async def client() -> None:
        while not over.is_set():
            statuses.append((await serving.ask("secret", "staff"))[0])

    clients = [asyncio.create_task(client()) for _ in range(4)]
    for number in range(6):
        new = Cluster(f"new-{number}", Pods((Endpoint(LOOPBACK, serving.first.port),), "/health"), "engine-n")
        clusters = tuple(each for each in serving.gateway.clusters if each.name != "second")
        routes = (Route("secret", (Branch(answered_by(new.name)),)),)
        generation = serving.operator.post(replace(serving.gateway, clusters=(*clusters, new), routes=routes))
        await eventually(lambda wanted=generation: serving.operator.report.generation == wanted)
        assert not (serving.folder / f"files/eds/new-{number - 1}.json").exists()
    over.set()
    await asyncio.gather(*clients)
    assert set(statuses) == {200}
    assert len(statuses) > 50


async def test_addresses_are_live_at_once_and_need_no_new_generation(serving: Pod) -> None:
    assert json.loads((await serving.ask("public-b"))[2])["model"] == "engine-b"
    moved = [
        replace(each, servers=Pods((Endpoint(LOOPBACK, serving.first.port),))) if each.name == "second" else each
        for each in serving.gateway.clusters
    ]
    before = len(serving.first.seen)
    serving.operator.post(replace(serving.gateway, clusters=tuple(moved)), generation=1)
    await eventually(lambda: _asked(serving, before), 2)


async def _asked(pod: Pod, before: int) -> bool:
    await pod.ask("public-b")
    return len(pod.first.seen) > before


async def test_what_envoy_does_not_take_leaves_the_one_before_and_is_told_in_its_words(serving: Pod) -> None:
    broken = json.loads((serving.folder / "files/rds.json").read_text())
    broken["resources"][0]["virtual_hosts"] *= 2
    good = (serving.folder / "files/rds.json").read_text()
    serving.operator.post(with_models(serving, "public-x"), rds=json.dumps(broken))
    await eventually(lambda: serving.operator.report.rejected)
    assert "Only a single wildcard domain is permitted" in serving.operator.report.rejected
    assert serving.operator.report.generation == 1
    assert (serving.folder / "files/rds.json").read_text() == good
    assert (await serving.ask())[0] == 200
    assert (await serving.probe("/readyz"))[0] == 200
    # Whoever is started now starts with what is good.
    serving.kill_envoy()
    await serving.agent.end()
    serving.agent.start()
    serving.start_envoy()
    await until_status(serving, "/readyz", 200)
    assert (await serving.ask())[0] == 200
    assert "single wildcard" in serving.operator.report.rejected
    serving.operator.post(with_models(serving, "public-y"))
    assert await until_answered(serving, "public-y") < 2
    await eventually(lambda: serving.operator.report.rejected == "" and serving.operator.report.generation == 3)


async def test_a_limit_that_envoy_reads_late_and_does_not_take_is_taken_back_too(serving: Pod) -> None:
    wrong = json.dumps({"resources": [{"@type": "type.googleapis.com/envoy.config.core.v3.Nonsense"}]})
    serving.operator.post(with_models(serving, "public-x"), **{"limit-tokens": wrong})
    await eventually(lambda: serving.operator.report.rejected, 15)
    assert serving.operator.report.rejected.startswith("limit-tokens.json: ")
    await eventually(lambda: serving.operator.report.generation == 1)
    assert (serving.folder / "files/limit-tokens.json").read_text() != wrong


async def test_an_older_generation_is_refused_whoever_sends_it(pod: Pod) -> None:
    async with pod.operator.serving():
        await brought_up(pod)
        pod.operator.post(with_models(pod, "public-x"))
        await until_answered(pod, "public-x")
    pod.operator.post(replace(pod.gateway, routes=()), generation=1)
    posting = pod.operator.board.of(KEY)
    assert posting
    old = b'{"generation":1,"digest":"0a","program":%s}' % posting.program

    async def answering(request: web.Request, _body: Any) -> web.StreamResponse:
        return web.Response(body=old) if "programs" in request.path else web.Response(status=204)

    async with envoy_serving(Server("operator", answering, pod.operator.port)):
        await eventually(lambda: "generation 1 is not later than 2" in pod.agent.log.read_text(), 15)
    assert (await pod.ask("public-x"))[0] == 200
    async with pod.operator.serving():
        pod.operator.post(with_models(pod, "public-z"), generation=3)
        await until_answered(pod, "public-z")


@pytest.mark.timeout(60 + 2 * GONE_SECONDS)
async def test_a_killed_envoy_serves_again_within_five_seconds_without_any_operator(pod: Pod) -> None:
    async with pod.operator.serving():
        await brought_up(pod)
    assert (await pod.ask())[0] == 200
    await asyncio.sleep(GONE_SECONDS)
    for killed in ("envoy", "both"):
        pod.kill_envoy()
        if killed == "both":
            await pod.agent.end()
            pod.agent.start()
        await until_status(pod, "/readyz", 503)
        began = time.monotonic()
        pod.start_envoy()
        await until_status(pod, "/readyz", 200)
        assert (await pod.ask())[0] == 200
        assert time.monotonic() - began < 5


async def test_missing_and_empty_credentials_are_told_though_the_agent_does_not_have_them(pod: Pod) -> None:
    first, second = pod.folder / "mounted/first/token", pod.folder / "mounted/second/token"
    first.unlink()
    second.write_text("")
    async with pod.operator.serving():
        await brought_up(pod)
        await eventually(lambda: pod.operator.report.credentials == (str(first),), 5)
        assert (await pod.ask("public-b"))[0] == 503
        await eventually(lambda: set(pod.operator.report.credentials) == {str(first), str(second)}, 5)
        first.write_text("x")
        await eventually(lambda: pod.operator.report.credentials == (str(second),), 15)


async def test_models_are_listed_by_what_the_caller_may_ask(serving: Pod) -> None:
    async def listed(who: str, path: str = "") -> tuple[int, Any]:
        url = f"http://{LOOPBACK}:{serving.gateway.listener.port}/v1/models{path}"
        headers = {"authorization": f"Bearer {SECRETS[who]}"}
        async with serving.client.get(url, headers=headers) as response:
            return response.status, await response.json()

    status, found = await listed("public")
    assert (status, [each["id"] for each in found["data"]]) == (200, ["fallback", "public-a", "public-b"])
    assert found["object"] == "list"
    assert [each["id"] for each in (await listed("staff"))[1]["data"]][-1] == "secret"
    assert (await listed("staff", "/secret"))[1]["id"] == "secret"
    status, found = await listed("public", "/secret")
    assert (status, found["error"]["code"]) == (404, "model_not_found")


async def test_a_drain_waits_for_the_last_answer_and_turns_nobody_away(serving: Pod) -> None:
    long = asyncio.create_task(serving.ask("public-a", stream=True, max_tokens=150))
    await eventually(lambda: serving.first.seen)
    drained = asyncio.create_task(serving.probe("/drained"))
    await asyncio.to_thread(_drain, serving)
    await until_status(serving, "/readyz", 503)
    assert (await serving.ask())[0] == 200
    assert not drained.done()
    status, _, text = await long
    assert (status, text.count("data:")) == (200, 151)
    assert (await asyncio.wait_for(drained, 5))[1] == "drained\n"


def _drain(pod: Pod) -> None:
    command = [*pod.agent.command[:4], "drain", f"--port={pod.agent.local_port}"]
    assert command[0] == sys.executable
    subprocess.run(command, check=True, timeout=20)


async def test_a_record_reaches_the_ledger_within_half_a_second(serving: Pod) -> None:
    _, number, _ = await serving.ask("public-a", max_tokens=5)
    began = time.monotonic()
    await eventually(lambda: serving.ledger.of(number))
    assert time.monotonic() - began < 0.5
    (found,) = serving.ledger.of(number)
    assert (found.gateway, found.consumer, found.team) == ("ns/public", "ns/acme", "shop")
    assert (found.outcome, found.input_tokens, found.output_tokens) == (Outcome.COMPLETED, 12, 3)
    assert serving.ledger.tokens == {f"Bearer {TOKEN}"}


async def test_a_killed_envoy_s_requests_are_interrupted_with_what_they_had_used(serving: Pod) -> None:
    url = f"http://{LOOPBACK}:{serving.gateway.listener.port}/v1/chat/completions"
    headers = {"authorization": f"Bearer {SECRETS['public']}"}
    body = {"model": "public-a", "messages": [], "stream": True, "max_tokens": 5000}
    with contextlib.suppress(aiohttp.ClientError):
        async with serving.client.post(url, json=body, headers=headers) as response:
            number, began = response.headers["x-request-id"], time.monotonic()
            async for _ in response.content:
                if time.monotonic() - began > 2.2:
                    serving.kill_envoy()
    assert serving.ledger.of(number) == []
    serving.start_envoy()
    await eventually(lambda: serving.ledger.of(number), 15)
    (found,) = serving.ledger.of(number)
    assert (found.outcome, found.consumer, found.backend) == (Outcome.INTERRUPTED, "ns/acme", "main")
    assert found.output_tokens > 50
    assert not found.usage_complete


async def test_an_outage_of_the_ledger_loses_nothing_and_is_told(serving: Pod) -> None:
    serving.ledger.down = True
    numbers = [(await serving.ask("public-a"))[1] for _ in range(30)]

    async def told() -> bool:
        text = (await serving.probe("/metrics"))[1]
        waiting = next(line for line in text.splitlines() if line.startswith("paceline_gateway_log_unshipped_bytes "))
        return float(waiting.split()[1]) > 10_000

    await eventually(told)
    assert "records wait in the log" in serving.agent.log.read_text()
    assert serving.agent.process
    serving.agent.process.kill()
    serving.agent.over()
    serving.agent.start()
    serving.ledger.down = False
    await eventually(lambda: all(serving.ledger.of(each) for each in numbers), 20)


async def test_requests_without_a_record_are_found_by_envoy_s_counters(serving: Pod) -> None:
    """An Envoy that is killed before it has written its lines; the first one may be written at once."""
    for _ in range(3):
        await serving.ask()
    await eventually(lambda: len(serving.ledger.found) == 3)
    await asyncio.sleep(LOOKS_SECONDS)
    serving.kill_envoy()
    serving.flush_milliseconds, usual = 60_000, serving.flush_milliseconds
    serving.start_envoy()
    serving.flush_milliseconds = usual
    await until_status(serving, "/readyz", 200)
    for _ in range(5):
        await serving.ask()
    await asyncio.sleep(LOOKS_SECONDS)
    serving.kill_envoy()
    serving.start_envoy()

    async def missing() -> float:
        text = (await serving.probe("/metrics"))[1]
        name = "paceline_gateway_requests_unrecorded_total "
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name))

    await eventually(missing, 20, "requests without a record")
    assert 0 < await missing() == len(serving.first.seen) - len(serving.ledger.found)
    assert "requests that Envoy has counted left no record" in serving.agent.log.read_text()


async def test_envoy_s_counters_are_shown_under_our_names(serving: Pod) -> None:
    for _ in range(3):
        await serving.ask()
    text = (await serving.probe("/metrics"))[1]
    assert "paceline_gateway_requests_received_total 3.0" in text
    assert 'paceline_gateway_requests_answered_total{code="2xx"} 3.0' in text
    assert "paceline_gateway_up 1.0" in text
    assert "paceline_gateway_generation 1.0" in text


async def test_records_are_exactly_once_while_the_agent_is_killed_again_and_again(serving: Pod) -> None:
    """300 requests of all sorts; the agent is killed at moments of chance, and the ledger is away for some of them."""
    chance = random.Random(7)
    truth: dict[str, tuple[int, bool]] = {}

    async def one(number: int) -> None:
        await asyncio.sleep(chance.random() * 6)
        stream, refused = number % 3 == 0, number % 10 == 9
        status, found, _ = await serving.ask(
            "public-a" if number % 2 else "fallback", stream=stream, max_tokens=-1 if refused else 20
        )
        truth[found] = status, refused

    async def fail_now_and_then() -> None:
        while True:
            serving.first.handler = _failing if chance.random() < 0.3 else answer
            serving.ledger.down = chance.random() < 0.2
            await asyncio.sleep(0.1)

    async def kill() -> None:
        for _ in range(6):
            await asyncio.sleep(chance.random())
            assert serving.agent.process
            serving.agent.process.kill()
            await asyncio.to_thread(serving.agent.process.wait, 10)
            serving.agent.over()
            await asyncio.to_thread(serving.agent.start)

    chaos = asyncio.create_task(fail_now_and_then())
    await asyncio.gather(kill(), *(one(number) for number in range(300)))
    chaos.cancel()
    serving.ledger.down = False
    await eventually(lambda: all(serving.ledger.of(each) for each in truth), 20, "records")
    assert len(truth) == 300
    sent = len(serving.first.seen) + len(serving.second.seen)
    found = serving.ledger.found.values()
    assert {each.request_id for each in found} == set(truth)
    assert sum(each.attempt > 0 for each in found) == sent
    for number, (status, refused) in truth.items():
        last = serving.ledger.of(number)[-1]
        assert (last.attempt, last.status, last.last) == (0 if refused else last.attempts, status, True)
        assert [each.attempt for each in serving.ledger.of(number)] == list(range(1, last.attempts + 1)) or refused
        assert last.output_tokens == (0 if status != 200 else 20 if last.streamed else 3)


async def _healthy_late(request: web.Request, body: Any) -> web.StreamResponse:
    if request.path != "/health":
        return await answer(request, body)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 0.3)
    return web.Response()


async def _failing(_request: Any, _body: Any) -> Any:
    return web.json_response({}, status=500)


async def test_records_are_exactly_once_while_envoy_is_killed_again_and_again(serving: Pod) -> None:
    """Only what was said of requests within its last 300 ms may a killed Envoy take with it."""
    chance = random.Random(11)
    whole: dict[str, float] = {}
    cut: dict[str, float] = {}
    kills: list[float] = []
    url = f"http://{LOOPBACK}:{serving.gateway.listener.port}/v1/chat/completions"
    headers = {"authorization": f"Bearer {SECRETS['public']}"}

    async def one(after: float) -> None:
        await asyncio.sleep(after)
        body = {"model": "public-a", "messages": [], "stream": True, "max_tokens": chance.randrange(1, 200)}
        number, began = "", time.monotonic()
        with contextlib.suppress(aiohttp.ClientError):
            async with serving.client.post(url, json=body, headers=headers) as response:
                number = response.headers["x-request-id"]
                cut[number] = began
                await response.read()
                whole[number] = time.monotonic()

    async def kill() -> None:
        for _ in range(4):
            await asyncio.sleep(1.5 + chance.random())
            serving.envoy.process.kill()
            kills.append(time.monotonic())
            await asyncio.to_thread(serving.envoy.process.wait, 10)
            await asyncio.to_thread(serving.start_envoy)

    await asyncio.gather(kill(), *(one(chance.random() * 9) for _ in range(250)))
    assert len(kills) == 4
    for number in whole:
        cut.pop(number)

    def settled(moment: float) -> bool:
        return all(abs(at - moment) > 0.3 for at in kills)

    due = {number for number, moment in (whole | cut).items() if settled(moment)}
    await eventually(lambda: all(serving.ledger.of(each) for each in due), 20, "records")
    assert len(due) > 150
    assert len(cut) > 5
    for number in due:
        (found,) = serving.ledger.of(number)
        assert found.outcome is (Outcome.COMPLETED if number in whole else Outcome.INTERRUPTED)
        assert found.usage_complete == (number in whole)
    assert {each.outcome for each in serving.ledger.found.values()} == {Outcome.COMPLETED, Outcome.INTERRUPTED}
    assert len(serving.ledger.found) <= len(whole) + len(cut) + 30
