"""chat through a Gateway: the way into a pod, whose key is sent, and every refusal in words."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import WSMsgType, web

from paceline.cli.console import ExitCode
from paceline.cli.kinds import CONSUMER, GATEWAY
from tests.support.cli_objects import a_consumer, a_gateway, cond, key_of, pod
from tests.support.ports import free_port

Run = Callable[..., tuple[int, str, str]]

PODS = "/api/v1/namespaces/models/pods"
SECRETS = "/api/v1/namespaces/models/secrets"
ANSWER = (
    'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n'
    'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}\n\ndata: [DONE]\n\n'
)


@dataclass
class World:
    """An API server with a Gateway, whose pods answer what is said here.

    Attributes:
        answers: JSON by path.
        asked: What came to a pod: the text of each request.
        paths: Of the ways into pods.
        status: Of the pods' answer; 0: the pod refuses the connection.
        refusal: Of the way itself; 0 opens it.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    status: int = 200
    headers: str = ""
    body: str = ANSWER
    refusal: int = 0

    async def take(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/portforward"):
            return await self._forward(request)
        there = request.path in self.answers
        answer = web.json_response(self.answers.get(request.path, {"message": "?"}), status=200 if there else 404)
        # Commands leave their connections to the end of the process.
        answer.force_close()
        return answer

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if self.refusal:
            return web.Response(status=self.refusal)
        self.paths.append(request.path_qs)
        assert request.headers["Authorization"] == "Bearer of-the-user"
        socket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await socket.prepare(request)
        for channel in (b"\0", b"\1"):
            await socket.send_bytes(channel + (8080).to_bytes(2, "little"))
        if not self.status:
            await socket.send_bytes(b"\1connection refused\n")
        text = b""
        async for message in socket:
            assert message.type is WSMsgType.BINARY
            assert message.data[0] == 0
            text += message.data[1:]
            if b"}]," in text or text.endswith(b"}"):
                self.asked.append(text.decode())
                head = f"HTTP/1.1 {self.status} X\r\n{self.headers}content-length: {len(self.body)}\r\n\r\n"
                # In pieces: a frame is no unit of what it carries.
                for part in (head[:7], head[7:], self.body[:20], self.body[20:]):
                    await socket.send_bytes(b"\0" + part.encode())
                text = b""
        return socket

    @property
    def sent(self) -> dict[str, str]:
        """Headers of the last request, and its first line under ""."""
        first, *lines = self.asked[-1].partition("\r\n\r\n")[0].split("\r\n")
        return {"": first} | {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    found = World(
        {
            GATEWAY.path("models", "public"): a_gateway(),
            PODS: {"items": [pod("public-b", conditions=(cond("Ready", "True"),)), pod("public-a")]},
            CONSUMER.path("models"): {"items": [a_consumer()]},
            CONSUMER.path("models", "site"): a_consumer(),
            f"{SECRETS}/site-key": {"data": {"token": base64.b64encode(b"pl_generated").decode()}},
        }
    )
    port, loop, ready, end = free_port(), asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", found.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        ready.set()
        await end.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    config = {
        "current-context": "fake",
        "clusters": [{"name": "fake", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "me", "user": {"token": "of-the-user"}}],
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "me", "namespace": "models"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    yield found
    loop.call_soon_threadsafe(end.set)
    thread.join()
    loop.close()


def test_a_question_goes_into_a_ready_pod_with_the_key_of_the_only_consumer(world: World, paceline: Run) -> None:
    code, out, err = paceline("chat", "bot", "--gateway", "public", "-m", "hi")
    assert (code, out) == (0, "Hello\n"), err
    assert world.paths == [f"{PODS}/public-b/portforward?ports=8080"]
    assert world.sent[""] == "POST /v1/chat/completions HTTP/1.1"
    assert world.sent["authorization"] == "Bearer pl_generated"
    assert world.sent["host"] == "public-gateway.models.svc"
    assert '"model":"bot"' in world.asked[-1]
    assert "3 prompt + 2 output tokens" in err


def test_a_conversation_of_several_questions_goes_the_same_way(
    world: World, paceline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = iter(["hi", "and you?"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines, ""))
    assert paceline("chat", "bot", "--gateway", "gateway/public")[:2] == (0, "Hello\nHello\n")
    assert ["and you?" in each for each in world.asked] == [False, True]


def test_the_newest_key_of_a_named_consumer_is_sent(world: World, paceline: Run) -> None:
    named = a_consumer(credentials=[key_of("key-1"), key_of("key-2", "new"), {"name": "bot", "type": "JWT", "jwt": {}}])
    world.answers[CONSUMER.path("models", "site")] = named
    world.answers[f"{SECRETS}/new"] = {"data": {"token": base64.b64encode(b"pl_new\n").decode()}}
    assert paceline("chat", "bot", "--gateway", "public", "--consumer", "site", "-m", "hi")[0] == 0
    assert world.sent["authorization"] == "Bearer pl_new"


def test_a_key_out_of_a_file_is_sent_and_no_secret_is_read(world: World, paceline: Run, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("pl_mine\n")
    del world.answers[f"{SECRETS}/site-key"]
    assert paceline("chat", "bot", "--gateway", "public", "--key-file", str(tmp_path / "key"), "-m", "hi")[0] == 0
    assert world.sent["authorization"] == "Bearer pl_mine"


def test_a_gateway_that_asks_for_no_key_gets_none_and_its_own_host_name(world: World, paceline: Run) -> None:
    spec = {"authentication": "None", "listener": {"hostnames": ["*.example.com"]}}
    world.answers[GATEWAY.path("models", "public")] = a_gateway(spec=spec)
    assert paceline("chat", "bot", "--gateway", "public", "-m", "hi")[0] == 0
    assert "authorization" not in world.sent
    assert world.sent["host"] == "paceline.example.com"


@pytest.mark.parametrize(
    ("status", "headers", "code", "remedy"),
    [
        (429, "retry-after: 18000\r\n", "insufficient_quota", "try again in 5 h"),
        (429, "retry-after: 10\r\n", "queue_full", "try again in 10 s"),
        (429, "retry-after: 600\r\n", "queue_full", "try again in 10 min"),
        (401, "", "invalid_api_key", "send a key that is valid here"),
        (403, "", "consumer_suspended", "ask whoever gave you the key"),
        (404, "", "model_not_found", "change the request as it says"),
    ],
)
def test_a_refusal_of_the_gateway_is_told_with_its_code(
    status: int, headers: str, code: str, remedy: str, world: World, paceline: Run
) -> None:
    world.status, world.headers = status, headers
    world.body = f'{{"error": {{"code": "{code}", "message": "It is so."}}}}'
    found, _, err = paceline("chat", "bot", "--gateway", "public", "-m", "hi")
    assert found == ExitCode.FAILED
    assert f"the gateway answered {status} {code}: It is so." in err
    assert remedy in err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"refusal": 403}, "the cluster answered 403 to the way into the pod", id="no-right"),
        pytest.param({"status": 0}, "the gateway was not reached: connection refused", id="nobody-listens"),
    ],
)
def test_a_way_that_does_not_open_is_told(changes: dict[str, int], words: str, world: World, paceline: Run) -> None:
    for name, value in changes.items():
        setattr(world, name, value)
    code, _, err = paceline("chat", "bot", "--gateway", "public", "-m", "hi")
    assert code == ExitCode.UNREACHABLE
    assert words in err
    assert "pods/portforward" in err


def test_a_gateway_without_a_ready_pod_is_not_ready(world: World, paceline: Run) -> None:
    world.answers[PODS] = {"items": [pod("public-a")]}
    code, _, err = paceline("chat", "bot", "--gateway", "public", "-m", "hi")
    assert code == ExitCode.NOT_READY
    assert "paceline explain gateway/public -n models" in err


@pytest.mark.parametrize(
    ("consumers", "named"),
    [([], "are none"), ([a_consumer("a"), a_consumer("b")], "are a, b")],
    ids=["none", "two"],
)
def test_it_must_be_clear_whose_key_is_sent(
    consumers: list[dict[str, Any]], named: str, world: World, paceline: Run
) -> None:
    world.answers[CONSUMER.path("models")] = {"items": consumers}
    code, _, err = paceline("chat", "bot", "--gateway", "public", "-m", "hi")
    assert code == ExitCode.USAGE
    assert named in err


@pytest.mark.parametrize(
    ("consumer", "content", "words"),
    [
        (a_consumer(), {}, "Secret site-key of namespace models has no key under token."),
        (a_consumer(), {"token": base64.b64encode("ä".encode()).decode()}, "has no key under token."),
        (a_consumer(credentials=[{"name": "bot", "type": "JWT", "jwt": {}}]), {}, "Consumer site has no key."),
    ],
    ids=["missing", "no-key", "tokens-only"],
)
def test_a_consumer_without_a_key_is_told(
    consumer: dict[str, Any], content: dict[str, str], words: str, world: World, paceline: Run
) -> None:
    world.answers[CONSUMER.path("models", "site")] = consumer
    world.answers[f"{SECRETS}/site-key"] = {"data": content}
    code, _, err = paceline("chat", "bot", "--gateway", "public", "--consumer", "site", "-m", "hi")
    assert code == ExitCode.FAILED
    assert words in err
    assert world.asked == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--gateway", "public", "--url", "http://x/v1"),
        ("--consumer", "site"),
        ("--gateway", "public", "--consumer", "site", "--key-file", "x"),
        ("--gateway", "consumer/public"),
    ],
    ids=" ".join,
)
def test_options_that_exclude_each_other_are_wrong_usage(
    arguments: tuple[str, ...], world: World, paceline: Run
) -> None:
    assert paceline("chat", "bot", "-m", "hi", *arguments)[0] == ExitCode.USAGE
    assert world.asked == []
