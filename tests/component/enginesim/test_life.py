"""Loading, draining, aborting, faults, truth and metrics."""

import asyncio
import json
import re
import signal
import socket
import time

import httpx
import pytest
from openai import APIConnectionError, APITimeoutError, InternalServerError, NotFoundError

from paceline.sim.batching import Batching, Mode
from tests.support.engine import calibration
from tests.support.enginesim import MODEL, Running, in_loop, process
from tests.support.golden import golden

HELLO = [{"role": "user", "content": "Hello."}]
LONG = {"model": MODEL, "messages": HELLO, "stream": True, "max_tokens": 400, "extra_body": {"ignore_eos": True}}


async def metrics(server: Running) -> str:
    async with server.http() as http:
        return (await http.get("/metrics")).text


def figure(page: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", page, re.MULTILINE)
    assert found, f"{name} is not in the page"
    return float(found[1])


async def eventually(check, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


async def test_a_loading_engine_refuses_with_503_and_retry_after(tmp_path):
    async with in_loop(tmp_path / "t", load_seconds=10**6, ready=False) as server, server.http() as http:
        for answer in (
            await http.get("/health"),
            await http.get("/v1/models"),
            await http.get("/v1/models/x"),
            await http.post("/v1/completions", json={"model": MODEL, "prompt": "x"}),
        ):
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "1"
            assert "loading" in answer.json()["error"]["message"]
        assert (await http.get("/version")).json()["version"].startswith("paceline-")


async def test_a_draining_engine_finishes_its_streams_and_sends_clients_that_stayed_elsewhere(tmp_path):
    draining = in_loop(tmp_path / "t", drain_seconds=5.0)
    async with draining as server, server.client() as client, server.http() as http:
        await http.get("/health")
        stream = await client.chat.completions.create(**LONG)
        first = await anext(stream)
        server.stop.set()
        await asyncio.sleep(0)
        stayed = await http.post("/v1/completions", json={"model": MODEL, "prompt": "x"})
        health = await http.get("/health")
        rest = [chunk async for chunk in stream]
    assert first.id
    assert stayed.status_code == 200
    assert stayed.headers["Connection"] == "close"
    assert health.status_code == 503
    assert rest[-1].choices[0].finish_reason == "length"
    assert sorted(record["output_tokens"] for record in server.records()) == [16, 400]


async def test_a_client_that_leaves_frees_its_place(server: Running):
    async with server.client() as client:
        stream = await client.chat.completions.create(**{**LONG, "max_tokens": 5000})
        await anext(stream)
        assert figure(await metrics(server), "vllm:num_requests_running") == 1
        await stream.close()

    async def empty() -> bool:
        page = await metrics(server)
        return figure(page, "vllm:num_requests_running") == figure(page, "vllm:kv_cache_usage_perc") == 0

    await eventually(empty)
    assert server.records()[0]["reason"] == "abort"


async def test_a_client_that_leaves_while_it_waits_leaves_the_queue(tmp_path):
    async with in_loop(tmp_path / "t", batching=Batching(Mode.STATIC, 2)) as server, server.http() as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.post("/v1/completions", json={"model": MODEL, "prompt": "x"}, timeout=0.2)

        async def empty() -> bool:
            return figure(await metrics(server), "vllm:num_requests_waiting") == 0

        await eventually(empty)
        pair = [http.post("/v1/completions", json={"model": MODEL, "prompt": "x"}) for _ in range(2)]
        assert [answer.status_code for answer in await asyncio.gather(*pair)] == [200, 200]
        assert "ttft" not in server.records()[0]


async def test_the_truth_log_tells_when_every_answer_came(server: Running):
    async with server.client() as client:
        await client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=50, extra_body={"ignore_eos": True}
        )
    (record,) = server.records()
    assert record["reason"] == "length"
    assert record["output_tokens"] == 50
    assert record["arrival"] < record["first_token"] < record["last_token"]
    assert record["arrival_wall"] == pytest.approx(time.time(), abs=30)
    assert record["planned_ttft"] == pytest.approx(0.0029, abs=0.0015)
    assert record["ttft"] >= record["planned_ttft"] - 0.001


async def test_preempted_answers_are_whole(tmp_path):
    small = calibration(blocks=40, block_size=16, max_context=500, max_sequences=8, step={"overhead_ms": 1.0})
    async with in_loop(tmp_path / "t", engine=small) as server, server.client() as client:
        answers = await asyncio.gather(
            *(
                client.chat.completions.create(
                    model=MODEL, messages=HELLO, max_tokens=200, extra_body={"ignore_eos": True}
                )
                for _ in range(6)
            )
        )
        page = await metrics(server)
    assert [answer.usage.completion_tokens for answer in answers] == [200] * 6
    assert figure(page, "vllm:num_preemptions_total") > 0


async def test_the_metrics_page_has_vllms_names_and_buckets(server: Running):
    async with server.client() as client:
        await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=3, extra_body={"ignore_eos": True})
    page = await metrics(server)
    assert figure(page, "vllm:generation_tokens_total") == 3
    assert figure(page, "vllm:time_to_first_token_seconds_count") == 1
    assert figure(page, "vllm:inter_token_latency_seconds_count") == 2
    assert f'vllm:request_success_total{{engine="0",finished_reason="length",model_name="{MODEL}"}} 1.0' in page
    names = sorted(line.rsplit(" ", 1)[0] for line in page.splitlines() if not line.startswith("#"))
    golden("enginesim/metrics.txt", "\n".join(names) + "\n")


async def test_steps_count_prompts_too_and_embeddings_count_as_requests(server: Running):
    async with server.client() as client:
        await client.completions.create(model=MODEL, prompt=[300] * 77, max_tokens=3, extra_body={"ignore_eos": True})
        before = await metrics(server)
        await client.embeddings.create(model=MODEL, input=[301] * 50)
    page = await metrics(server)
    assert figure(before, "vllm:iteration_tokens_total_sum") == 77 + 2
    assert figure(before, "vllm:iteration_tokens_total_count") == 3
    assert figure(page, "vllm:iteration_tokens_total_sum") == 77 + 2 + 50
    assert figure(page, "vllm:prompt_tokens_total") == 77 + 50
    assert figure(page, "vllm:generation_tokens_total") == 3
    assert f'vllm:request_success_total{{engine="0",finished_reason="stop",model_name="{MODEL}"}} 1.0' in page


async def test_a_share_of_requests_fails_with_500(tmp_path):
    async with in_loop(tmp_path / "t", faults_wanted=("error-rate=0.5",)) as server, server.client() as client:
        asked = [client.completions.create(model=MODEL, prompt="x", max_tokens=1) for _ in range(40)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, InternalServerError)]
    assert 8 < len(failures) < 32
    assert all("scripted fault: error-rate=0.5" in str(failure) for failure in failures)


async def test_the_wrong_model_is_announced_and_the_served_one_is_unknown(tmp_path):
    async with in_loop(tmp_path / "t", faults_wanted=("wrong-model=owl",)) as server, server.client() as client:
        assert [model.id async for model in client.models.list()] == ["owl"]
        with pytest.raises(NotFoundError):
            await client.completions.create(model=MODEL, prompt="x")


async def test_an_engine_that_refuses_to_be_ready_still_answers(tmp_path):
    serving = in_loop(tmp_path / "t", faults_wanted=("refuse-ready",), ready=False)
    async with serving as server, server.client() as client, server.http() as http:

        async def answers() -> bool:
            return (await http.get("/v1/models")).status_code == 200

        await eventually(answers)
        assert (await http.get("/health")).status_code == 503
        assert (await client.completions.create(model=MODEL, prompt="x", max_tokens=1)).choices


async def test_an_engine_that_is_never_ready_stays_loading(tmp_path):
    async with in_loop(tmp_path / "t", faults_wanted=("never-ready",), ready=False) as server, server.http() as http:
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            assert (await http.get("/health")).status_code == 503


async def test_a_hung_engine_is_healthy_and_silent(tmp_path):
    serving = in_loop(tmp_path / "t", faults_wanted=("hang-after=1",), drain_seconds=0.1)
    async with serving as server, server.http() as http:
        ask = {"model": MODEL, "prompt": "x", "max_tokens": 1}
        assert (await http.post("/v1/completions", json=ask)).status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            await http.post("/v1/completions", json=ask, timeout=0.3)
        assert (await http.get("/health")).status_code == 200


async def test_a_hang_takes_the_running_streams_with_it(tmp_path):
    serving = in_loop(tmp_path / "t", faults_wanted=("hang-after=1",), drain_seconds=0.1)
    async with serving as server, server.client(timeout=0.4) as client, server.http() as http:
        stream = await client.chat.completions.create(**{**LONG, "max_tokens": 4000})
        await anext(stream)
        with pytest.raises(httpx.ReadTimeout):
            await http.post("/v1/completions", json={"model": MODEL, "prompt": "x"}, timeout=0.1)
        with pytest.raises(APITimeoutError):
            _ = [chunk async for chunk in stream]


async def test_streams_are_cut_after_the_third_token(tmp_path):
    async with in_loop(tmp_path / "t", faults_wanted=("cut-stream=1",)) as server, server.http() as http:
        for extra in ({}, {"logprobs": True}):
            ask = {"model": MODEL, "messages": HELLO, "stream": True, "ignore_eos": True, "max_tokens": 50, **extra}
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await http.post("/v1/chat/completions", json=ask)


async def test_dynamic_batching_waits_for_the_window(tmp_path):
    made = calibration()
    window = Batching(Mode.DYNAMIC, 4, 1.0)
    serving = in_loop(tmp_path / "t", engine=made, batching=window, time_scale=0.2)
    async with serving as server, server.client() as client:
        await client.completions.create(model=MODEL, prompt=[300, 301], max_tokens=1)
    assert 0.2 <= server.records()[0]["ttft"] < 0.35


def test_sigterm_lets_a_stream_finish_and_the_process_exits_with_0(tmp_path):
    with process(tmp_path / "t", "--load-seconds", "0", "--drain-seconds", "20") as server:
        with server.sync_client() as client:
            stream = client.chat.completions.create(**{**LONG, "max_tokens": 60})
            next(iter(stream))
            server.process.send_signal(signal.SIGTERM)
            chunks = list(stream)
        assert chunks[-1].choices[0].finish_reason == "length"
        assert server.process.wait(10) == 0


def test_sigterm_cuts_what_runs_longer_than_the_drain_time(tmp_path):
    with process(tmp_path / "t", "--load-seconds", "0", "--drain-seconds", "0.2") as server:
        with server.sync_client() as client:
            stream = client.chat.completions.create(**{**LONG, "max_tokens": 5000})
            next(iter(stream))
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            with pytest.raises(APIConnectionError):
                list(stream)
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 5


def test_sigterm_while_loading_ends_at_once(tmp_path):
    with process(tmp_path / "t", "--load-seconds", "1000", ready=False) as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0


@pytest.mark.parametrize(("fault", "prompts"), [("crash-after=2", ["x", "x"]), ("poison=owl", ["x", "an owl flies"])])
def test_a_crash_ends_the_process_with_139(tmp_path, fault, prompts):
    with process(tmp_path / "t", "--load-seconds", "0", "--fault", fault) as server:
        with server.sync_client() as client:
            client.completions.create(model=MODEL, prompt=prompts[0], max_tokens=1)
            with pytest.raises(APIConnectionError):
                client.completions.create(model=MODEL, prompt=prompts[1], max_tokens=1)
        assert server.process.wait(10) == 139


def test_a_crash_at_start_has_the_code_that_was_asked_for(tmp_path):
    with process(tmp_path / "t", "--load-seconds", "0.1", "--fault", "crash-at-start=17", ready=False) as server:
        assert server.process.wait(10) == 17


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "sim://owl"], "no calibration 'owl'; known: llama-3-8b-h100"),
        (["--fault", "explode"], "no fault is named 'explode'"),
        (["--truth-log", "/nowhere/t"], "cannot be used"),
    ],
)
def test_wrong_flags_end_with_one_sentence_and_a_remedy(tmp_path, arguments, words):
    with pytest.raises(AssertionError, match=re.escape(words)) as caught, process(tmp_path / "t", *arguments):
        pass
    assert "Traceback" not in str(caught.value)


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(AssertionError, match=f"--port {port}"), process(tmp_path / "t", "--port", port):
            pass


def test_records_are_json_lines(tmp_path):
    with process(tmp_path / "t", "--load-seconds", "0") as server, server.sync_client() as client:
        client.completions.create(model=MODEL, prompt="x", max_tokens=1)
        assert json.loads((tmp_path / "t").read_text())["output_tokens"] == 1
