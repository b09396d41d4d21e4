"""The adapter's process and its parts, before a server that stands for Envoy."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from paceline.adapter.checker import Checker, Unchecked
from paceline.adapter.checks import Checks
from paceline.adapter.room import Full, Room
from paceline.adapter.settings import Settings
from paceline.cli.main import run
from tests.support.adapting import adapting
from tests.support.envoy import LOOPBACK, Server, free_ports, serving
from tests.support.worlds import eventually

SCHEMA, DIGEST = '{"type": "integer"}', "0" * 32
ENDLESS = json.dumps({"pattern": "^(a+)+$"})


def said(text: str) -> web.Response:
    return web.json_response({"choices": [{"message": {"content": text}}]}, headers={"x-more": "1"})


@dataclass
class Adapter:
    """One that runs, and the server that it asks."""

    url: str
    probes: str
    server: Server
    session: aiohttp.ClientSession

    async def ask(self, path: str = "/v1/chat/completions", digest: str = DIGEST, **body: Any) -> tuple[int, Any]:
        headers = {"x-pl-check": digest, "x-request-id": "r", "x-pl-client": "a.b.c.d", "x-pl-hash": "7"}
        headers |= {"host": "llm.example.com", "accept-encoding": "gzip", "x-own": "1"}
        async with self.session.post(self.url + path, json={"messages": []} | body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def code(self, **more: Any) -> tuple[int, str]:
        status, body = await self.ask(**more)
        return status, body["error"]["code"]


def folder(path: Path, **checks: dict[str, Any]) -> Path:
    (path / "checks").mkdir()
    for digest, each in ({DIGEST: {"schema": SCHEMA, "again": False}} | checks).items():
        (path / "checks" / f"{digest}.json").write_text(json.dumps(each))
    return path


@pytest_asyncio.fixture
async def adapter(tmp_path: Path) -> AsyncIterator[Adapter]:
    async def handler(_request: web.Request, _body: Any) -> web.StreamResponse:
        return said("7")

    server = Server("envoy", handler)
    local, probes = free_ports(2)
    async with serving(server), aiohttp.ClientSession() as session:
        settings = Settings(
            folder(
                tmp_path, **{"1" * 32: {"schema": SCHEMA, "again": True}, "2" * 32: {"schema": ENDLESS, "again": 0}}
            ),
            f"http://{LOOPBACK}:{server.port}/",
            host=LOOPBACK,
            local_port=local,
            port=probes,
        )
        settings = replace(settings, most_requests=2, most_bytes=100_000, answer_bytes=50_000, check_seconds=0.5)
        async with adapting(settings):
            yield Adapter(f"http://{LOOPBACK}:{local}", f"http://{LOOPBACK}:{probes}", server, session)


async def test_it_asks_as_the_client_did_under_a_number_of_its_own(adapter: Adapter) -> None:
    status, body = await adapter.ask(n=1)
    assert (status, body["choices"][0]["message"]["content"]) == (200, "7")
    (seen,) = adapter.server.seen
    headers = dict(seen["headers"])
    assert (headers["x-request-id"], headers["x-pl-client"], headers["x-own"]) == ("r:1", "a.b.c.d", "1")
    assert headers["host"] == "llm.example.com"
    assert not {"x-pl-hash", "x-pl-check", "accept-encoding", "authorization"} & set(headers)
    assert seen["raw"] == b'{"messages": [], "n": 1}'


async def test_what_is_no_answer_to_be_checked_is_passed_on(adapter: Adapter) -> None:
    async def refusing(_request: web.Request, _body: Any) -> web.StreamResponse:
        return web.json_response({"error": {"code": "queue_full"}}, status=429, headers={"retry-after": "9"})

    adapter.server.handler = refusing
    assert await adapter.code() == (429, "queue_full")

    async def embedding(_request: web.Request, _body: Any) -> web.StreamResponse:
        return web.json_response({"data": []})

    adapter.server.handler = embedding
    assert (await adapter.ask("/v1/embeddings?x=1"))[0] == 200
    assert adapter.server.seen[-1]["path"] == "/v1/embeddings?x=1"
    assert await adapter.code() == (502, "response_incomplete")


async def test_a_second_answer_counts_and_where_there_is_none_the_first_ones_fault_is_told(adapter: Adapter) -> None:
    answers = [said("x"), said("y"), said("x"), web.json_response({}, status=500), said("x"), said("8")]

    async def handler(_request: web.Request, _body: Any) -> web.StreamResponse:
        return answers.pop(0)

    adapter.server.handler = handler
    again = "1" * 32
    for _ in range(2):
        assert await adapter.code(digest=again) == (422, "response_schema_mismatch")
    assert (await adapter.ask(digest=again))[0] == 200
    assert [dict(each["headers"])["x-request-id"] for each in adapter.server.seen] == ["r:1", "r:2"] * 3


async def test_a_costly_schema_holds_nobody_up(adapter: Adapter) -> None:
    async def handler(_request: web.Request, _body: Any) -> web.StreamResponse:
        return said(json.dumps("a" * 60 + "!"))

    adapter.server.handler = handler
    endless = asyncio.create_task(adapter.code(digest="2" * 32))
    async with adapter.session.get(f"{adapter.probes}/healthz", timeout=aiohttp.ClientTimeout(0.4)) as answer:
        assert answer.status == 200
    assert await endless == (502, "response_not_checked")
    assert (await adapter.code())[1] == "response_schema_mismatch"


async def test_requests_and_bytes_are_bounded_and_room_comes_back(adapter: Adapter) -> None:
    async def long(_request: web.Request, _body: Any) -> web.StreamResponse:
        return said("7" * 50_001)

    assert await adapter.code(padding="x" * 100_001) == (503, "adapter_busy")
    adapter.server.handler = long
    assert await adapter.code() == (502, "response_too_large")
    go = asyncio.Event()

    async def waiting(_request: web.Request, _body: Any) -> web.StreamResponse:
        await go.wait()
        return said("7")

    adapter.server.handler = waiting
    both = [asyncio.create_task(adapter.ask()) for _ in range(2)]
    await eventually(lambda: len(adapter.server.seen) == 3)
    assert await adapter.code() == (503, "adapter_busy")
    go.set()
    assert [status for status, _ in await asyncio.gather(*both)] == [200, 200]
    assert (await adapter.ask())[0] == 200
    async with adapter.session.get(f"{adapter.probes}/metrics") as answer:
        text = await answer.text()
    assert 'paceline_gateway_adapter_refused_total{code="adapter_busy"}' in text
    assert "paceline_gateway_adapter_requests_active 0.0" in text


async def test_a_client_that_leaves_ends_the_request_for_it(adapter: Adapter) -> None:
    left = asyncio.Event()

    async def waiting(request: web.Request, _body: Any) -> web.StreamResponse:
        await eventually(lambda: request.transport is None or request.transport.is_closing())
        left.set()
        raise ConnectionResetError

    adapter.server.handler = waiting
    asking = asyncio.create_task(adapter.ask())
    await eventually(lambda: len(adapter.server.seen) == 1)
    asking.cancel()
    await asyncio.wait_for(left.wait(), 5)


async def test_broken_answers_and_envoys_that_are_gone_are_told_apart(adapter: Adapter) -> None:
    async def broken(request: web.Request, _body: Any) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": "99"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.abort()
        return response

    adapter.server.handler = broken
    assert await adapter.code() == (502, "response_incomplete")
    assert await adapter.code(digest="f" * 32) == (503, "model_unavailable")


async def test_where_nobody_listens_nothing_was_paid(tmp_path: Path) -> None:
    gone, local, probes = free_ports(3)
    settings = Settings(folder(tmp_path), f"http://{LOOPBACK}:{gone}", host=LOOPBACK, local_port=local, port=probes)
    async with adapting(settings), aiohttp.ClientSession() as session:
        found = Adapter(f"http://{LOOPBACK}:{local}", "", Server("none", None), session)  # type: ignore[arg-type]
        assert await found.code() == (503, "service_unavailable")


async def test_a_check_that_takes_all_memory_ends_only_itself() -> None:
    checker = Checker(1, 20)
    try:
        wide = json.dumps({"items": {"type": "integer"}})
        with pytest.raises(Unchecked):
            await checker.problem(wide, ["[" + "[],[]," * 6_000_000 + "1]"])
        assert await checker.problem(SCHEMA, ["7"]) == ""
        (process,) = checker._running
        process.kill()
        await process.wait()
        assert await checker.problem(SCHEMA, ["x"])
    finally:
        await checker.close()


async def test_what_a_check_fails_of_is_said_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    checker = Checker(1, 20)
    try:
        with pytest.raises(Unchecked):
            await checker.problem('{"type": "secret-type"}', ['"secret-answer"'])
    finally:
        await checker.close()
    assert "secret" not in "".join(capfd.readouterr())


def test_room_is_counted_by_requests_and_by_bytes() -> None:
    room = Room(1, 10)
    with room.place() as place:
        place.take(10)
        with pytest.raises(Full):
            place.take(1)
        with pytest.raises(Full):
            room.place()
    with room.place() as place:
        place.take(10)


@pytest.mark.parametrize("name", ["", "../x", "0" * 31, "g" * 32, "a" * 32, "b" * 32])
def test_what_is_no_check_is_not_found(tmp_path: Path, name: str) -> None:
    place = folder(tmp_path)
    (place / "checks" / f"{'b' * 32}.json").write_text("{}")
    assert Checks(place).find(name) is None


def test_a_check_is_read_once_and_the_longest_unused_goes_first(tmp_path: Path) -> None:
    many = {f"{number:032x}": {"schema": SCHEMA, "again": False} for number in range(1, 300)}
    place = folder(tmp_path, **many)
    checks = Checks(place)
    assert checks.find(DIGEST) == checks.find(DIGEST)
    for name in list(many)[:255]:
        checks.find(name)
        checks.find(DIGEST)
    for name in (DIGEST, *list(many)[:255]):
        (place / "checks" / f"{name}.json").unlink()
    checks.find(f"{299:032x}")
    assert checks.find(DIGEST)
    assert not checks.find(f"{1:032x}")


def test_the_process_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    local, probes = free_ports(2)
    options = [f"--folder={tmp_path}", f"--local-port={local}", f"--port={probes}", f"--host={LOOPBACK}"]
    command = [sys.executable, "-m", "paceline", "gateway-adapter", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"listening on {LOOPBACK}:{local}\n"
            with urlopen(f"http://{LOOPBACK}:{probes}/healthz", timeout=5) as answer:
                assert answer.read() == b"alive\n"
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("change", ["--asking=x", "--folder=/none", "--log-level=LOUD"])
def test_a_wrong_command_line_is_told(change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gateway-adapter", f"--folder={tmp_path}", change]) == 2
    assert change.partition("=")[0] in capsys.readouterr().err
