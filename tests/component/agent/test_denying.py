"""How an agent hears whose budget is used up, and what it does while nobody tells."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from paceline.agent import denying
from paceline.agent.denying import Denying, now
from paceline.agent.remote import Remote
from paceline.agent.verdicts import Heard, Verdicts, verdicts
from paceline.gateway.denied import Verdict
from paceline.gateway.snapshot import Program
from paceline.settings import boottime, microseconds
from tests.support.ledger_config import CLIENT, a_budget, a_config, a_consumer
from tests.support.ledger_service import TOKENS, Desk, replicas
from tests.support.ports import free_port
from tests.support.records import record
from tests.support.worlds import eventually, stays

PROGRAM = Program("platform/public", {}, {}, {}, (), graces={CLIENT: 1})
SOFT = a_consumer(budgets=[a_budget("0.002", mode="Soft")])


class Pod:
    """What an agent knows, and the list that it last put there."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession, port: int) -> None:
        (folder / "token").write_text(TOKENS["pod-1"])
        self.remote = Remote(session, f"http://127.0.0.1:{port}", folder / "token", None)
        self.folder = folder / "files"
        self.put: list[tuple[str, str]] | None = None
        self.tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self.kept = Verdicts(self.folder)
        work = Denying(self.remote, self.kept, self._put)
        self.tasks = [asyncio.create_task(each) for each in (work.ask(), work.watch())]

    async def end(self) -> None:
        for each in self.tasks:
            each.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.put = None

    def _put(self) -> None:
        self.put = [(each.reason, each.budget) for each in now(PROGRAM, self.kept)]

    async def puts(self, *wanted: tuple[str, str], seconds: float = 2) -> None:
        await eventually(lambda: self.put == list(wanted), seconds, f"{wanted}")


@contextlib.asynccontextmanager
async def a_pod(folder: Path, port: int) -> AsyncIterator[Pod]:
    async with aiohttp.ClientSession() as session:
        pod = Pod(folder, session, port)
        pod.start()
        try:
            yield pod
        finally:
            await pod.end()


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with replicas(f"sqlite:///{tmp_path}/ledger.db", tmp_path, now_us=microseconds) as (found,):
        await found.configure(a_config(consumers=[SOFT]))
        yield found


async def test_an_overspend_is_there_within_a_second_and_what_lifts_it_too(desk: Desk, tmp_path: Path) -> None:
    async with a_pod(tmp_path, desk.port) as pod:
        await pod.puts()
        await eventually(lambda: desk.service.requests == 1, 2, "a poll that waits")
        started = microseconds()
        await desk.send(record(started_us=started), record(id="2", started_us=started))
        await pod.puts(("Budget", "month"), seconds=1)
        assert pod.kept.heard.verdicts[0].until_us > started  # type: ignore[operator]
        await desk.configure(a_config(2, consumers=[a_consumer(budgets=[a_budget("9", mode="Soft")])]))
        await pod.puts(seconds=1)


async def test_a_ledger_that_goes_is_missed_after_the_grace_and_no_longer_when_it_is_back(tmp_path: Path) -> None:
    url, port = f"sqlite:///{tmp_path}/ledger.db", free_port()
    async with a_pod(tmp_path, port) as pod:
        async with replicas(url, tmp_path, now_us=microseconds, port=port) as (desk,):
            await desk.configure(a_config(consumers=[SOFT]))
            await eventually(lambda: pod.kept.heard.tag, 3, "an answer")
        gone = boottime()
        await eventually(lambda: pod.kept.heard.silent, 2, "the silence")
        await pod.puts(("Unasked", ""))
        assert boottime() - gone > 0.9
        await pod.end()
        pod.start()
        assert pod.kept.silent_seconds()
        await pod.puts(("Unasked", ""), seconds=0.5)
        async with replicas(url, tmp_path, now_us=microseconds, port=port):
            await pod.puts()


async def served(handler: Any) -> tuple[web.AppRunner, int]:
    app = web.Application()
    app.router.add_get("/v1/deny", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, runner.addresses[0][1]


BAD = [
    web.Response,
    lambda **_: web.Response(status=401),
    lambda **_: web.json_response({"denied": [{"consumer": "x", "reason": "Budget"}]}),
    lambda **_: web.json_response({"denied": [{"consumer": "a/b", "reason": "Budget", "budget": 'x"y'}]}),
    lambda **_: web.json_response({"denied": [{"consumer": "a/b", "reason": "Budget", "until": "soon"}]}),
    lambda **_: web.json_response([]),
]


@pytest.mark.parametrize("answer", BAD)
async def test_an_answer_that_is_none_is_silence_and_the_last_verdict_holds(
    tmp_path: Path, answer: Callable[[], web.Response]
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return answer()

    kept = Verdicts(tmp_path / "files")
    kept.keep(Heard("t", (Verdict("shop/acme", "month", 2**60),), at=boottime() - 5))
    runner, port = await served(handler)
    async with a_pod(tmp_path, port) as pod:
        await eventually(lambda: pod.kept.heard.silent, 2, "silence")
        await pod.puts(("Budget", "month"))
        assert pod.kept.silent_seconds() >= 5  # type: ignore[operator]
    await runner.cleanup()


async def test_a_ledger_that_closes_each_connection_earns_no_further_grace(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport
        request.transport.close()
        return web.Response()

    runner, port = await served(handler)
    async with a_pod(tmp_path, port) as pod:
        await eventually(lambda: pod.kept.heard.silent, 2, "silence")
        await pod.puts(("Unasked", ""))
    await runner.cleanup()


async def test_a_ledger_that_lets_nobody_wait_is_not_asked_without_end(tmp_path: Path) -> None:
    asked = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=304)

    runner, port = await served(handler)
    async with a_pod(tmp_path, port) as pod:
        await eventually(lambda: asked > 1, 2)
        await stays(lambda: asked <= 10, 1)
        assert not pod.kept.heard.silent
    await runner.cleanup()


async def test_who_is_suspended_is_the_operator_s_to_say() -> None:
    body = b'{"generation": 1, "denied": [{"client": "c", "consumer": "a/b", "reason": "Suspended", "until": null}]}'
    assert verdicts(body) == ()


async def test_what_cannot_be_kept_holds_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "files/agent").mkdir(parents=True)
    (tmp_path / "files/agent/verdicts.json").mkdir()
    monkeypatch.setattr(denying, "_LOOK_SECONDS", 0.05)
    async with a_pod(tmp_path, free_port()) as pod:
        await eventually(lambda: pod.kept.heard.silent, 2, "silence")
        await pod.puts(("Unasked", ""))


async def test_nothing_is_refused_before_the_first_try(tmp_path: Path) -> None:
    """After a long time without an agent it is not known that the ledger was gone."""
    Verdicts(tmp_path / "files").keep(Heard("t", at=boottime() - 1000))
    asked = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        await asked.wait()
        return web.Response(status=304)

    runner, port = await served(handler)
    async with a_pod(tmp_path, port) as pod:
        await pod.puts()
        await stays(lambda: pod.put == [], 0.7)
        asked.set()
    await runner.cleanup()


@pytest.mark.parametrize("text", ["", "{", "null", '{"at": "x"}'])
def test_a_file_that_was_spoilt_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent/verdicts.json").write_text(text)
    assert replace(Verdicts(tmp_path).heard, at=0) == Heard(at=0)


def test_a_boot_of_the_machine_makes_the_time_of_the_last_answer_unknown(tmp_path: Path) -> None:
    spent = Verdict("shop/acme", "month", 5)
    Verdicts(tmp_path).keep(Heard("t", (spent,), at=boottime() + 1e6, silent=True))
    found = Verdicts(tmp_path)
    assert found.heard.verdicts == (spent,)
    assert (found.silent_seconds() or 0) < 5
