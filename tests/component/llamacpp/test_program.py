"""What paceline knows of llama-server, held against the real program with a real model."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import gguf
import httpx
import openai
import pytest

from paceline.decide.latency import read
from paceline.engines.base import EXIT_SECONDS
from paceline.engines.key import FOLDER, contents
from paceline.engines.metrics import LLAMA_CPP, gauge, pick
from paceline.kube.answers import judge, question
from tests.support import tinymodel
from tests.support.llamacpp import FILE, Running, plan, running
from tests.support.models import NOW
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinymodel.write(tmp_path_factory.mktemp("model") / FILE)


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[Running]:
    """Shared by the tests that leave it as it was."""
    with running(plan(), model, model.with_suffix(".log")) as started:
        yield started


def test_the_model_is_written_alike_each_time_and_is_small(model: Path, tmp_path: Path) -> None:
    again = tinymodel.write(tmp_path / FILE)
    assert again.read_bytes() == model.read_bytes()
    assert again.stat().st_size < 1_000_000


def test_the_test_question_is_answered(server: Running) -> None:
    asking = question("Generate", server.plan.served_name)
    answer = server.post(asking.path, asking.body)
    assert judge("Generate", answer.status_code, answer.content) == ""


def test_the_model_has_the_served_name(server: Running) -> None:
    assert [each["id"] for each in server.get("/v1/models").json()["data"]] == [server.plan.served_name]


def test_a_chat_is_streamed_word_by_word(server: Running) -> None:
    with server.client() as client:
        stream = client.chat.completions.create(
            model=server.plan.served_name,
            messages=[{"role": "user", "content": "Who are you?"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        events = list(stream)
    pieces = [event.choices[0].delta.content for event in events if event.choices and event.choices[0].delta.content]
    assert "".join(pieces).strip() == tinymodel.SENTENCE
    assert len(pieces) > 5
    assert events[-1].usage is not None
    assert events[-1].usage.completion_tokens == len(tinymodel.SENTENCE.split()) + 1


def test_a_completion_is_streamed(server: Running) -> None:
    with server.client() as client:
        stream = client.completions.create(model=server.plan.served_name, prompt="ping", max_tokens=32, stream=True)
        text = "".join(event.choices[0].text for event in stream if event.choices)
    assert text.strip() == tinymodel.SENTENCE


def figure(server: Running, name: str) -> float:
    """A plain metric, read as the operator reads it."""
    found = gauge(pick(server.get(LLAMA_CPP.path).text, LLAMA_CPP.wanted), name)
    assert found is not None, name
    return found


def test_every_metric_that_the_table_names_is_on_the_page_and_there_are_no_histograms(server: Running) -> None:
    page = server.get(LLAMA_CPP.path)
    assert page.status_code == 200
    assert {sample.name for sample in pick(page.text, LLAMA_CPP.wanted)} == LLAMA_CPP.wanted
    assert "_bucket" not in page.text, "llama-server has histograms now: the table can name them"
    assert read("pod", NOW, page.text, LLAMA_CPP).ttft is None


def test_tokens_are_counted(server: Running) -> None:
    names = (LLAMA_CPP.prompt_tokens, LLAMA_CPP.generation_tokens)
    before = [figure(server, name) for name in names]
    used = server.post("/v1/completions", {"prompt": "ping", "max_tokens": 5, "cache_prompt": False}).json()["usage"]
    gained = [figure(server, name) - old for name, old in zip(names, before, strict=True)]
    assert gained == [used["prompt_tokens"], used["completion_tokens"]]
    assert gained[1] == 5


def test_a_request_under_way_is_counted_as_running_until_it_is_given_up(server: Running) -> None:
    with server.endless():
        wait_until(lambda: figure(server, LLAMA_CPP.running) == 1, 10, "one request is running")
        assert figure(server, LLAMA_CPP.waiting) == 0
    wait_until(lambda: figure(server, LLAMA_CPP.running) == 0, 10, "none is running")


def test_sigterm_cuts_an_answer_short(model: Path, tmp_path: Path) -> None:
    """Why the plan gives it the time to finish before SIGTERM and none after it.

    Once nobody listens any more it mostly ends, now and then not within a minute: the grace period ends it then.
    """
    made = plan({"lifecycle": {"drainSeconds": 60}})
    assert (made.pre_stop_seconds, made.drain_seconds) == (65, 0)
    with running(made, model, tmp_path / "log") as server, server.endless() as stream:
        server.process.send_signal(signal.SIGTERM)
        lines = []
        # It computes nothing more, but keeps the connection until its next sign of life is due, after 30 s.
        with pytest.raises(httpx.TransportError):
            lines.extend(stream)
        assert not [line for line in lines if "[DONE]" in line or '"finish_reason":"' in line]


def test_sigterm_ends_it_at_once_when_it_is_idle(model: Path, tmp_path: Path) -> None:
    with running(plan(), model, tmp_path / "log") as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(EXIT_SECONDS) == 0


def test_an_unknown_argument_ends_it_with_a_word(model: Path, tmp_path: Path) -> None:
    made = plan({"engine": {"args": ["--no-such-thing"]}})
    with pytest.raises(AssertionError, match="ended with 1"), running(made, model, tmp_path / "log"):
        pass
    assert "--no-such-thing" in (tmp_path / "log").read_text()


def test_only_who_brings_the_key_is_answered(model: Path, tmp_path: Path) -> None:
    made, key = plan({"exposure": "GatewayOnly"}), tmp_path / "key"
    key.write_text(contents("pl-right")["key"])
    asking = question("Generate", made.served_name)
    with running(made, model, tmp_path / "log", {f"{FOLDER}/key": str(key)}) as server:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert httpx.post(server.url + asking.path, json=asking.body, headers=headers).status_code == 401
        answer = httpx.post(server.url + asking.path, json=asking.body, headers={"Authorization": "Bearer pl-right"})
        assert judge("Generate", answer.status_code, answer.content) == ""
        assert server.get("/metrics").status_code == 401, "its figures can be read now: the plan can name them"
    assert "pl-right" not in (tmp_path / "log").read_text()


def test_the_context_is_what_the_spec_says(model: Path, tmp_path: Path) -> None:
    made = plan({"engine": {"maxContextTokens": 1024, "args": ["--threads=1"]}})
    with running(made, model, tmp_path / "log") as server:
        assert server.get("/v1/models").json()["data"][0]["meta"]["n_ctx"] == 1024
        with server.client() as client, pytest.raises(openai.BadRequestError, match="exceed"):
            client.completions.create(model="chat", prompt="x" * 2000, max_tokens=1)


def test_embeddings_are_made_where_the_file_says_how_to_pool(tmp_path: Path) -> None:
    made = plan({"model": {"task": "Embed"}})
    model = tinymodel.write(tmp_path / FILE, pooling=gguf.PoolingType.MEAN)
    asking = question("Embed", made.served_name)
    with running(made, model, tmp_path / "log") as server:
        answer = server.post(asking.path, asking.body)
        assert judge("Embed", answer.status_code, answer.content) == ""
        assert len(answer.json()["data"][0]["embedding"]) == tinymodel.WIDTH
        long = server.post(asking.path, asking.body | {"input": "x" * 600})
        assert long.status_code == 500, "as the page on the engine says"
        assert "physical batch size" in json.dumps(long.json())


def test_a_file_that_does_not_say_how_to_pool_is_no_embedding_model(model: Path, tmp_path: Path) -> None:
    made = plan({"model": {"task": "Embed"}})
    asking = question("Embed", made.served_name)
    with running(made, model, tmp_path / "log") as server:
        answer = server.post(asking.path, asking.body)
    assert "Pooling type 'none'" in judge("Embed", answer.status_code, answer.content)


def test_documents_are_scored(model: Path, tmp_path: Path) -> None:
    made = plan({"model": {"task": "Score"}})
    asking = question("Score", made.served_name)
    with running(made, model, tmp_path / "log") as server:
        answer = server.post(asking.path, asking.body)
    assert judge("Score", answer.status_code, answer.content) == ""
