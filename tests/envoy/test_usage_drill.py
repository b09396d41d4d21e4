"""Mixed requests while Envoy, agent and ledger are killed again and again: the ledger has what Envoy received, once.

30 % are streams, 10 % are left by their client, 2 % are cut by the engine. Everything between client and engine is
real, and the engine writes down what it did. PACELINE_TEST_SIZE=full sends 20,000 requests with 20 SIGKILLs of each
process instead of 300 with one; the seed is printed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from paceline.gateway.ir import Endpoint
from paceline.ledger.balance import differences
from paceline.ledger.store import Store
from tests.support import consumers, enginesim, tally
from tests.support.agent import until_status
from tests.support.door import CHAT
from tests.support.envoy import LOOPBACK
from tests.support.plant import FLUSH_MILLISECONDS, Plant, a_plant, url_of
from tests.support.written import consumer

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
REQUESTS, KILLS = (20_000, 20) if FULL else (300, 1)
PER_SECOND = 45 if FULL else 100
#: How long the ledger may take to have everything, and how often that is looked at, which costs some tenths itself.
SETTLED_SECONDS, LOOK_SECONDS = 30.0, 1.0
#: Streams that the engine cuts behind their third token: 2 % of all requests.
CUT = 0.067


NEVER = tally.Heard(tally.NOTHING, ended=False, attempts=0)


@dataclass
class Users:
    """Ask in an open loop, and remember what they got.

    Attributes:
        got: Tokens of each whole answer, by request, and when it was there, seconds since 1970.
        left: Requests whose client left.
        failed: What was broken, by its kind.
    """

    plant: Plant
    dice: random.Random
    got: dict[str, tuple[tally.Tokens, float]] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)
    failed: dict[str, int] = field(default_factory=dict)

    async def ask(self, number: int) -> None:
        streamed, leaves = number % 10 in {0, 3, 6}, self.dice.random() < 0.1
        body = {
            "model": "bot",
            "messages": [{"role": "user", "content": f"question {number} " * self.dice.randrange(1, 30)}],
            "max_tokens": self.dice.choice((5, 20, 60, 200)) if streamed else self.dice.randrange(2, 60),
            "ignore_eos": True,
        }
        if streamed:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        headers = {"authorization": f"Bearer {self.plant.written.keys[self.dice.choice(('free', 'soft'))]}"}
        try:
            async with asyncio.timeout(0.02 + 0.3 * self.dice.random() if leaves else 300):
                response, text = await self._sent(body, headers)
        except TimeoutError:
            assert leaves, f"request {number} hangs"
            self.left.add(number)
        except (aiohttp.ClientError, OSError) as error:
            self._failed(type(error).__name__)
        else:
            self._take(response, text, streamed)

    async def _sent(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[aiohttp.ClientResponse, str]:
        url = url_of(self.plant.hosts[0]) + CHAT
        while True:
            try:
                async with self.plant.client.post(url, json=body, headers=headers) as response:
                    return response, await response.text()
            except aiohttp.ClientConnectorError:  # Envoy is started anew
                await asyncio.sleep(0.05)

    def _take(self, response: aiohttp.ClientResponse, text: str, streamed: bool) -> None:
        if response.status != 200:
            self._failed(str(response.status))
            return
        said = text
        if streamed:
            events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
            if not events or events[-1] != "[DONE]":
                self._failed("cut")
                return
            said = events[-2]
        usage = json.loads(said)["usage"]
        tokens = (usage["prompt_tokens"], usage["completion_tokens"])
        self.got[response.headers["x-request-id"]] = (tokens, time.time())

    def _failed(self, kind: str) -> None:
        self.failed[kind] = self.failed.get(kind, 0) + 1


@dataclass
class Killer:
    """Kills each process at moments of chance and starts it again, as the kubelet does.

    Attributes:
        envoys: When Envoy was killed and when it was back.
    """

    plant: Plant
    dice: random.Random
    envoys: list[tally.Kill] = field(default_factory=list)

    async def run(self, seconds: float) -> None:
        """All kills within a time, each process by itself."""
        await asyncio.gather(*(self._again(kill, seconds) for kill in (self._envoy, self._agent, self._ledger)))

    async def _again(self, kill: Callable[[], Awaitable[None]], seconds: float) -> None:
        part = seconds / KILLS
        began = time.monotonic()
        for number in range(KILLS):
            due = began + part * (number + 0.1 + 0.5 * self.dice.random())
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await kill()

    async def _envoy(self) -> None:
        host = self.plant.hosts[0]
        killed = time.time()
        host.envoy.process.kill()
        await asyncio.to_thread(host.envoy.process.wait, 10)
        await asyncio.to_thread(host.start_envoy)
        self.envoys.append((killed, time.time()))

    async def _agent(self) -> None:
        agent = self.plant.hosts[0].agent
        assert agent.process
        agent.process.kill()
        await asyncio.to_thread(agent.over)
        await asyncio.to_thread(agent.start)

    async def _ledger(self) -> None:
        await asyncio.to_thread(self.plant.ledger.kill)
        await asyncio.to_thread(self.plant.ledger.start)


async def load(users: Users) -> None:
    under_way, began = [], time.monotonic()
    for number in range(REQUESTS):
        await asyncio.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
        under_way.append(asyncio.create_task(users.ask(number)))
    await asyncio.gather(*under_way)


def whole(plant: Plant, log: dict[str, tally.Heard]) -> list[str]:
    """How the ledger's rows are others than what Envoy wrote down."""
    rows, wrong = plant.rows(), []
    for number, said in log.items():
        found = rows.get(number, [])
        last = found[-1] if found else {}
        tokens = (last.get("input_tokens"), last.get("output_tokens"))
        attempts = [row["attempt"] for row in found]
        wanted = list(range(1, said.attempts + 1)) or [0]
        if (tokens, attempts) != (said.tokens, wanted) or (last["outcome"] != "Interrupted") != said.ended:
            wrong.append(f"{number}: Envoy says {said}, the ledger {tokens} {attempts} {last.get('outcome')}")
    return wrong + [f"{number} is not of Envoy" for number in rows.keys() - log.keys()]


async def settled(plant: Plant, log: tally.Log) -> None:
    """Wait until the ledger has what Envoy wrote; the agent takes some seconds to give up what a killed one left."""
    wrong: list[str] = []
    for _ in range(int(SETTLED_SECONDS / LOOK_SECONDS)):
        wrong = whole(plant, log.heard())
        if not wrong:
            return
        await asyncio.sleep(LOOK_SECONDS)
    raise AssertionError(f"{len(wrong)} are not recorded as Envoy wrote them: {wrong[:10]}")


def outcome(rows: dict[str, list[dict[str, Any]]], number: str) -> str:
    found = rows.get(number)
    return found[-1]["outcome"] if found else ""


def killed_after(moment: float, kills: list[tally.Kill]) -> bool:
    """Whether Envoy was killed so soon after it that it may have kept a line; a client may read late."""
    early = FLUSH_MILLISECONDS / 1000 + tally.MARGIN_SECONDS
    return any(at - early <= moment <= back for at, back in kills)


@pytest.mark.timeout(2400 if FULL else 120)
async def test_the_ledger_has_what_envoy_received_exactly_once(tmp_path: Path, record_property: Any) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice, path = random.Random(seed), tmp_path / "truth.jsonl"
    calling = [consumer("free", ["*"]), consumer("soft", ["bot"], budgets=[consumers.budget(mode="Soft")])]
    engine = (
        "--served-name",
        "engine-of-bot",
        "--time-scale",
        "0.5",
        "--load-seconds",
        "0",
        "--fault",
        f"cut-stream={CUT}",
    )
    with enginesim.process(path, *engine) as running:
        port = int(running.url.rpartition(":")[2])
        price = {"name": "p", "model": "engine-of-bot", "inputPerMillion": "1", "outputPerMillion": "2"}
        async with a_plant(tmp_path, {"bot": Endpoint(LOOPBACK, port)}, calling, prices=[price]) as plant:
            users, killer = Users(plant, dice), Killer(plant, random.Random(seed))
            host = plant.hosts[0]
            log = tally.Log(Path(host.gateway.log_file))
            following = asyncio.create_task(log.follow())
            await asyncio.gather(load(users), killer.run(REQUESTS / PER_SECOND))
            await until_status(host, "/readyz", 200, 30)
            await settled(plant, log)
            following.cancel()
            rows, said = plant.rows(), log.heard()
            log.close()
        verdict = tally.compared(tally.truth([path]), rows, killer.envoys, FLUSH_MILLISECONDS / 1000)
    assert not verdict.wrong, verdict.wrong[:10]
    other = {number for number, (tokens, _) in users.got.items() if said.get(number, NEVER).tokens != tokens}
    # Of a whole answer the last line may have been with a killed Envoy still.
    assert all(outcome(rows, each) in {"", "Interrupted"} for each in other), other
    assert all(killed_after(users.got[each][1], killer.envoys) for each in other), other
    store = Store.open(plant.url)
    assert not differences(store, 0)
    store.close()
    assert len(users.got) > 0.5 * REQUESTS, users.failed
    assert len(users.left) > 0.02 * REQUESTS
    assert {"Completed", "Aborted", "Reset"} <= {found[-1]["outcome"] for found in rows.values()}
    assert len(killer.envoys) == KILLS
    print(f"lost, seconds before a kill: {verdict.lost}")
    print(f"interrupted, tokens since Envoy's last word: {verdict.interrupted}")
    figures = {"requests": REQUESTS, "whole answers": len(users.got), "broken": users.failed} | verdict.figures
    figures |= {"whole, but the last line went with a killed Envoy": len(other)}
    for name, value in figures.items():
        record_property(name, value)
    print(json.dumps(figures))
