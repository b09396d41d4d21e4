"""Consumers and models, each with each: a request is answered if and only if the Consumer's spec names the model.

What decides is the one "model" at the top of the body, wherever it stands; headers decide nothing.
PACELINE_TEST_SIZE=full tries 50 x 50 instead of 6 x 6; the seed is printed.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from paceline.gateway.ir import Endpoint
from tests.support.door import CHAT, USAGE
from tests.support.envoy import LOOPBACK, Running, Server, running, serving
from tests.support.written import Written, consumer, written

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
SIZE = 50 if FULL else 6
#: Some names begin with others, and some differ in their case or in one sign.
FAMILIES = ("chat", "chat-x", "code", "code.v2", "embed")
LARGE = 2 * 1024 * 1024
AT_ONCE = 16

MODELS = [f"{FAMILIES[number % 5]}-{number // 5}" for number in range(SIZE)]


def names_of(dice: random.Random) -> dict[str, list[str]]:
    """What each Consumer may ask: everything, one family, names, or beginnings of names."""
    families = cycle((*FAMILIES[1:], FAMILIES[0]))
    kinds = (
        lambda: ["*"],
        lambda: [f"{next(families)}*"],
        lambda: dice.sample(MODELS, 3),
        lambda: [dice.choice(MODELS)],
        lambda: [f"{dice.choice(MODELS)[:-1]}*", dice.choice(MODELS)],
        lambda: ["no-such-model"],
    )
    return {f"c{number:02}": kinds[number % len(kinds)]() for number in range(SIZE)}


def may(patterns: list[str], model: str) -> bool:
    """As docs/reference/consumer.md says it of spec.models."""
    return any(model.startswith(each[:-1]) if each.endswith("*") else model == each for each in patterns)


@dataclass
class Truth:
    """What reached the engines.

    Attributes:
        cells: By their ids.
        headers: Their names.
    """

    cells: set[str] = field(default_factory=set)
    headers: set[str] = field(default_factory=set)

    async def answer(self, request: web.Request, body: dict[str, Any] | None) -> web.StreamResponse:
        if body is None:
            return web.Response()
        self.cells.add(body["user"])
        self.headers |= {name.lower() for name in request.headers}
        return web.json_response({"model": body["model"], "user": body["user"], "choices": [], "usage": USAGE})


class Cell:
    """One Consumer and one model, and all the ways to ask.

    Attributes:
        id: The engine gets it, so that it is known what of a refused request reached it: nothing.
    """

    def __init__(self, who: str, model: str, clients: list[str], dice: random.Random) -> None:
        self.who, self.model, self._clients, self._dice = who, model, clients, dice
        self.id = f"{who}/{model}"

    def asked(self) -> Iterator[tuple[str, dict[str, str], bytes, bool]]:
        """What it is about, headers, body, and whether the body is right."""
        yield "plain", {}, self._body(), True
        yield "forged", self._forged(), self._body(), True
        other = self._other()
        nested = {"metadata": {"model": other}, "tools": [{"model": other, "function": {"model": other}}]}
        yield "nested", {}, self._body(**nested, stop=f'","model":"{other}"'), True
        again = self._body()[:-1] + b',"mod\\u0065l":' + json.dumps(other).encode() + b"}"
        yield "repeated", {}, again, False
        if FULL or self._dice.random() < 0.2:
            yield "large", {}, self._large(other), True

    def _body(self, **more: Any) -> bytes:
        return json.dumps({"user": self.id, "messages": [], "model": self.model} | more).encode()

    def _other(self) -> str:
        return self._dice.choice([each for each in MODELS if each != self.model])

    def _forged(self) -> dict[str, str]:
        """What only the gateway may say, of another caller and another model."""
        client, other = self._dice.choice(self._clients), self._other()
        policy = client.split(".", 2)
        return {
            "x-pl-client": client,
            "x-pl-policy": ".".join(policy[:2]),
            "x-pl-model": other,
            "x-pl-request": json.dumps({"client": client, "model": other}),
            "x-envoy-original-path": "/v1/models",
            "x-envoy-upstream-alt-stat-name": "x",
        }

    def _large(self, other: str) -> bytes:
        """2 MB of decoys, and the model somewhere between them."""
        decoys = [f'"decoy-{n}":{{"model":"{other}","text":"\\",\\"model\\":\\"{other}"}}' for n in range(8)]
        filler = json.dumps([{"role": "user", "content": f'{{"model":"{other}"}} ' * (LARGE // 20 // 20)}] * 20)
        members = [*decoys, f'"messages":{filler}', f'"model":{json.dumps(self.model)}', f'"user":"{self.id}"']
        self._dice.shuffle(members)
        return ("{" + ",".join(members) + "}").encode()


async def asked(found: Running, session: aiohttp.ClientSession, key: str, headers: dict[str, str], body: bytes) -> Any:
    """Status, and code of the error or the engine's answer."""
    sent = {"authorization": f"Bearer {key}", "content-type": "application/json"} | headers
    async with session.post(found.url + CHAT, data=io.BytesIO(body), headers=sent) as response:
        text = await response.json()
        return (200, text) if response.status == 200 else (response.status, text["error"]["code"])


def site(folder: Path, port: int, allowed: dict[str, list[str]]) -> Written:
    calling = [consumer(name, patterns) for name, patterns in allowed.items()]
    return written(folder, {model: Endpoint(LOOPBACK, port) for model in MODELS}, calling)


@pytest.mark.timeout(1800 if FULL else 60)
async def test_a_model_is_answered_if_and_only_if_the_consumer_may_ask_it(tmp_path: Path, record_property: Any) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    allowed, truth = names_of(dice), Truth()
    engine = Server("engine", truth.answer, seen=deque(maxlen=1))  # type: ignore[arg-type]  # bodies of 2 MB are not kept
    counts = {"answered": 0, "refused": 0}
    async with serving(engine), aiohttp.ClientSession() as session:
        made = site(tmp_path, engine.port, allowed)
        clients = [f"{each.policy}.{each.namespace}.{each.consumer}" for each in made.gateway.keys]
        with running(made.gateway, made.secrets, tmp_path) as found:
            places = asyncio.Semaphore(AT_ONCE)

            async def one(cell: Cell) -> None:
                async with places:
                    for way, headers, body, right in cell.asked():
                        status, said = await asked(found, session, made.keys[cell.who], headers, body)
                        where = f"{cell.id} {way}: {status} {said}"
                        if not right:
                            assert (status, said) == (400, "duplicate_parameter"), where
                        elif may(allowed[cell.who], cell.model):
                            engine_s = {"model": f"engine-of-{cell.model}", "user": cell.id}
                            assert status == 200, where
                            assert {name: said[name] for name in engine_s} == engine_s, where
                        else:
                            assert (status, said) == (403, "model_not_allowed"), where
                        counts["answered" if status == 200 else "refused"] += 1

            cells = [Cell(who, model, clients, dice) for who in allowed for model in MODELS]
            await asyncio.gather(*map(one, cells))
    assert truth.cells == {each.id for each in cells if may(allowed[each.who], each.model)}
    assert not {name for name in truth.headers if name.startswith(("x-pl-", "x-envoy-"))}
    assert min(counts.values()) > SIZE
    for name, count in counts.items():
        record_property(name, count)
