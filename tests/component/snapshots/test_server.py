"""Agents and the server that tells them what to do, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest

from paceline.api.names import child_name
from paceline.decide.gateway_health import Report
from paceline.errors import Transient
from paceline.gateway import snapshot
from paceline.gateway.stamp import Stamp
from paceline.kube.resources import Key
from paceline.snapshots import server
from paceline.snapshots.board import Board
from paceline.snapshots.server import Snapshots
from tests.support import neutral

KEY = Key("ml", "public")
OWN = f"system:serviceaccount:ml:{child_name('ml', 'public', 'gateway')}"
PROGRAM, ADDRESSES = snapshot.program(neutral.full(), neutral.SECRETS, {}, "/etc/paceline/gateway")
TOKENS = {"own": OWN, "other": "system:serviceaccount:ml:web"}


@dataclass
class World:
    url: str
    session: aiohttp.ClientSession
    board: Board
    reported: list[Key] = field(default_factory=list)
    leads: bool = True

    async def get(self, path: str, token: str = "own") -> tuple[int, bytes]:  # noqa: S107 - a name
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.session.get(f"{self.url}{path}", headers=headers) as answer:
            return answer.status, await answer.read()

    async def report(self, body: bytes) -> tuple[int, str]:
        headers = {"Authorization": "Bearer own"}
        async with self.session.post(f"{self.url}/v1/reports/ml/public", data=body, headers=headers) as answer:
            return answer.status, await answer.text()


async def _whose(token: str) -> str:
    if token == "down":
        raise Transient("ServerError", "the API server is away")
    return TOKENS.get(token, "")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    reported: list[Key] = []
    board = Board(reported.append)
    async with aiohttp.ClientSession() as session:
        made = World("", session, board, reported)
        async with Snapshots(board, _whose, lambda: made.leads).serving("127.0.0.1", 0, None) as port:
            made.url = f"http://127.0.0.1:{port}"
            yield made


async def test_an_agent_gets_the_program_with_its_number(world: World) -> None:
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    status, body = await world.get("/v1/programs/ml/public")
    found = json.loads(body)
    assert (status, found["generation"], found["digest"]) == (200, 3, PROGRAM.digest)
    assert snapshot.parse(json.dumps(found["program"]).encode()) == PROGRAM


async def test_an_agent_that_has_it_already_waits_until_it_changes(world: World) -> None:
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    path = f"/v1/programs/ml/public?generation=3&digest={PROGRAM.digest}"
    assert (await world.get(f"{path}&wait=0"))[0] == 204
    waiting = asyncio.create_task(world.get(f"{path}&wait=30"))
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    world.board.post(KEY, Stamp(4, "other"), PROGRAM, ADDRESSES)
    assert json.loads((await asyncio.wait_for(waiting, 2))[1])["generation"] == 4


async def test_the_same_number_with_another_content_is_news(world: World) -> None:
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    assert (await world.get("/v1/programs/ml/public?generation=3&digest=another"))[0] == 200


async def test_an_agent_that_has_a_later_one_waits_for_one_later_still(world: World) -> None:
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    path = "/v1/programs/ml/public?generation=7&digest=later"
    assert (await world.get(f"{path}&wait=0"))[0] == 204
    waiting = asyncio.create_task(world.get(f"{path}&wait=30"))
    world.board.post(KEY, Stamp(8, "other"), PROGRAM, ADDRESSES)
    assert json.loads((await asyncio.wait_for(waiting, 2))[1])["generation"] == 8


async def test_an_agent_waits_for_a_gateway_of_which_nothing_is_known_yet(world: World) -> None:
    waiting = asyncio.create_task(world.get("/v1/programs/ml/public?wait=30"))
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    world.board.post(KEY, Stamp(1, PROGRAM.digest), PROGRAM, ADDRESSES)
    assert (await asyncio.wait_for(waiting, 2))[0] == 200


async def test_pods_that_come_and_go_send_addresses_alone(world: World) -> None:
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    found = json.loads((await world.get("/v1/addresses/ml/public"))[1])
    assert found["files"] == ADDRESSES
    program = asyncio.create_task(world.get(f"/v1/programs/ml/public?generation=3&digest={PROGRAM.digest}&wait=1"))
    waiting = asyncio.create_task(world.get(f"/v1/addresses/ml/public?version={found['version']}&wait=30"))
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    world.board.move(KEY, {"peers.json": "{}"})
    told = json.loads((await asyncio.wait_for(waiting, 2))[1])
    assert (told["since"], told["files"], told["gone"]) == (found["version"], {"peers.json": "{}"}, [])
    assert (await program)[0] == 204


async def test_addresses_that_did_not_change_are_no_news(world: World) -> None:
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    version = json.loads((await world.get("/v1/addresses/ml/public"))[1])["version"]
    world.board.move(KEY, dict(ADDRESSES))
    assert (await world.get(f"/v1/addresses/ml/public?version={version}&wait=0"))[0] == 204


async def test_an_agent_is_told_all_that_it_missed_and_no_more(world: World) -> None:
    first = {"peers.json": "p", **{f"eds/c{number}.json": "1" for number in range(5)}}
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, first)
    version = json.loads((await world.get("/v1/addresses/ml/public"))[1])["version"]
    for change in ({"eds/c1.json": "2"}, {"eds/c4.json": "2"}, {"eds/c1.json": "3"}):
        world.board.move(KEY, change)
    world.board.move(KEY, {"eds/c1.json": "3"})
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, {**first, "eds/c1.json": "3", "eds/c4.json": "2"})
    told = json.loads((await world.get(f"/v1/addresses/ml/public?version={version}"))[1])
    assert (told["files"], told["gone"]) == ({"eds/c1.json": "3", "eds/c4.json": "2"}, [])
    last = told["version"]
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, {"peers.json": "p", "eds/c1.json": "3"})
    told = json.loads((await world.get(f"/v1/addresses/ml/public?version={last}"))[1])
    assert (told["files"], sorted(told["gone"])) == ({}, ["eds/c0.json", "eds/c2.json", "eds/c3.json", "eds/c4.json"])


async def test_another_process_counts_addresses_anew(world: World) -> None:
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    version = json.loads((await world.get("/v1/addresses/ml/public"))[1])["version"]
    world.board.remove(KEY)
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    assert json.loads((await world.get("/v1/addresses/ml/public"))[1])["version"] != version


@pytest.mark.parametrize(
    ("token", "status"),
    [("", 401), ("stolen", 401), ("other", 403), ("down", 503)],
    ids=["none", "nobody", "other", "down"],
)
@pytest.mark.parametrize("path", ["/v1/programs/ml/public", "/v1/addresses/ml/public"])
async def test_only_the_gateways_own_agent_gets_anything(world: World, token: str, status: int, path: str) -> None:
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    found, body = await world.get(path, token)
    assert found == status
    assert b"pl_" not in body


async def test_an_agent_gets_nothing_of_another_gateway(world: World) -> None:
    world.board.post(Key("ml", "inner"), Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    assert (await world.get("/v1/programs/ml/inner"))[0] == 403


async def test_what_an_agent_says_is_kept_and_told_once(world: World) -> None:
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    body = json.dumps({"pod": "a", "generation": 2, "rejected": "no such cluster", "credentials": ["/s/x"]}).encode()
    assert (await world.report(body))[0] == 204
    assert (await world.report(body))[0] == 204
    posting = world.board.of(KEY)
    assert posting is not None
    assert posting.reports == {"a": Report(2, "no such cluster", ("/s/x",))}
    assert world.reported == [KEY]
    world.board.keep(KEY, frozenset({"b"}))
    assert posting.reports == {}


async def test_what_is_remembered_of_a_gateway_s_agents_is_bounded(world: World) -> None:
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    for number in range(1010):
        world.board.take(KEY, f"p{number}", Report(1, "", ()))
    posting = world.board.of(KEY)
    assert posting is not None
    assert len(posting.reports) == 1000
    assert "p1009" in posting.reports


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"pod": "a", "generation": -1}', b'{"pod": "", "generation": 1}', b"[]"]
)
async def test_a_report_that_is_none_is_refused(world: World, body: bytes) -> None:
    status, words = await world.report(body)
    assert status == 400
    assert words.startswith("wrong: ")


async def test_a_report_is_bounded(world: World) -> None:
    assert (await world.report(b"x" * 100_000))[0] == 413


async def test_reports_about_a_gateway_that_is_gone_are_forgotten(world: World) -> None:
    assert (await world.report(b'{"pod": "a", "generation": 1}'))[0] == 204
    assert world.reported == []
    world.board.keep(KEY, frozenset())


async def test_a_replica_that_does_not_lead_serves_what_it_has(world: World) -> None:
    world.leads = False
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    assert json.loads((await world.get("/v1/programs/ml/public"))[1])["generation"] == 3
    assert json.loads((await world.get("/v1/addresses/ml/public"))[1])["files"] == ADDRESSES


async def test_who_waits_at_a_replica_that_falls_behind_is_sent_to_another_one(world: World) -> None:
    world.leads = False
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    path = f"{world.url}/v1/programs/ml/public?generation=3&digest={PROGRAM.digest}&wait=30"
    waiting = asyncio.create_task(world.session.get(path, headers={"Authorization": "Bearer own"}))
    done, _ = await asyncio.wait({waiting}, timeout=0.1)
    assert not done
    world.board.lag(KEY)
    answer = await asyncio.wait_for(waiting, 2)
    assert (answer.status, answer.headers["Connection"]) == (503, "close")
    assert (await world.get("/v1/addresses/ml/public"))[0] == 503
    world.board.post(KEY, Stamp(4, PROGRAM.digest), PROGRAM, ADDRESSES)
    assert json.loads((await world.get("/v1/programs/ml/public?generation=3"))[1])["generation"] == 4


async def test_a_replica_that_does_not_know_a_gateway_sends_its_agents_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_STRANGER_SECONDS", 0.01)
    world.leads = False
    assert (await world.get("/v1/programs/ml/public?wait=30"))[0] == 503


async def test_only_the_leader_takes_reports(world: World) -> None:
    world.leads = False
    world.board.post(KEY, Stamp(3, PROGRAM.digest), PROGRAM, ADDRESSES)
    assert (await world.report(b'{"pod": "a", "generation": 3}'))[0] == 421
    assert world.reported == []


@pytest.mark.parametrize("query", ["generation=x", "wait=-1", f"generation={'9' * 40}"])
async def test_a_wrong_number_is_said_so(world: World, query: str) -> None:
    assert (await world.get(f"/v1/programs/ml/public?{query}"))[0] == 400
