"""How long until a change of a gateway is in force, and what does its agent need?

    python -m tests.bench.gateway_changes [--count 200]

prints one JSON object. Everything is real but the API server: a change begins when the operator has posted it, and is
in force when a client that asks without a pause gets another answer. Revocation of a key, a denial, other weights,
another endpoint; then 10,000 keys, changed 15 times, for the memory; then 5,000 models and an endpoint of one of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from paceline.gateway.envoy.endpoints import by_file
from paceline.gateway.ir import Branch, Cluster, Denied, Endpoint, Gateway, Key, Pods, Route, Share, Target
from tests.bench.gateway import resident
from tests.support import wire
from tests.support.door import USAGE
from tests.support.envoy import LOOPBACK, Server, serving
from tests.support.plant import Plant, a_plant
from tests.support.written import consumer, written

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
MODELS, KEYS = 5000 if FULL else 500, 10_000 if FULL else 1000
MOST_SECONDS, MOST_ROUTED_SECONDS, MOST_AGENT_MIB = 1.0, 5.0, 60


async def answer(request: web.Request, body: Any) -> web.StreamResponse:
    if body is None:
        return web.Response()
    return web.json_response({"model": body["model"], "choices": [], "usage": USAGE})


async def other(request: web.Request, body: Any) -> web.StreamResponse:
    if body is None:
        return web.Response()
    return web.json_response({"model": "other", "choices": [], "usage": USAGE})


@dataclass
class World:
    plant: Plant
    gateway: Gateway
    first: Server
    second: Server

    def post(self, **more: Any) -> float:
        """Post, and say when that was done."""
        self.plant.post(replace(self.gateway, **more))
        return time.monotonic()

    async def answered(self, wanted: Callable[[int, Any], bool], model: str = "model-0", who: str = "c0") -> None:
        """Ask until the answer is as wanted."""
        async with asyncio.timeout(60):
            while True:
                status, _, found = await self.plant.ask(model, who)
                if wanted(status, found):
                    return

    async def change(self, wanted: Callable[[int, Any], bool], **more: Any) -> float:
        """Seconds until a change is in force."""
        began = self.post(**more)
        await self.answered(wanted)
        return time.monotonic() - began


def by(name: str) -> Callable[[int, Any], bool]:
    return lambda status, found: status == 200 and (found.get("model") == "other") == (name == "second")


async def revoked(world: World) -> float:
    gateway = world.gateway
    keys = tuple(each for each in gateway.keys if each.consumer != "c0")
    seconds = await world.change(lambda status, _: status == 401, keys=keys)
    await world.change(lambda status, _: status == 200)
    return seconds


async def denied(world: World) -> float:
    policy = next(each.policy for each in world.gateway.keys if each.consumer == "c0")
    denials = (Denied(f"{policy}.platform.c0", "Suspended"),)
    seconds = await world.change(lambda status, _: status == 403, denied=denials)
    await world.change(lambda status, _: status == 200)
    return seconds


async def weighted(world: World) -> float:
    """All weight from one cluster to another one."""
    first, *rest = world.gateway.routes
    found = next(each for each in world.gateway.clusters if dict(each.labels)["model"] == first.model)
    shadow = Cluster("other", Pods((Endpoint(LOOPBACK, world.second.port),)), found.model)
    for name, share in (("first", (Share(found.name, 100), Share("other", 0))), ("second", (Share("other", 100),))):
        route = Route(first.model, (Branch(Target((share,))),))
        clusters = tuple(sorted((*world.gateway.clusters, shadow), key=lambda each: each.name))
        seconds = await world.change(by(name), routes=(route, *rest), clusters=clusters)
    await world.change(by("first"))
    return seconds


async def moved(world: World, model: str = "model-0") -> float:
    """The endpoint of one cluster; nothing else is posted where addresses have files of their own."""
    generation = world.plant.spots[0].operator.generation if by_file(world.gateway) else None
    seconds = 0.0
    found = next(each for each in world.gateway.clusters if dict(each.labels)["model"] == model)
    for name, port in (("second", world.second.port), ("first", 0)):
        there = replace(found.servers, endpoints=(Endpoint(LOOPBACK, port),)) if port else found.servers
        clusters = tuple(replace(c, servers=there) if c is found else c for c in world.gateway.clusters)
        world.plant.post(replace(world.gateway, clusters=clusters), generation)
        began = time.monotonic()
        await world.answered(by(name), model)
        seconds = time.monotonic() - began
    return seconds


KINDS: dict[str, Callable[[World], Awaitable[float]]] = {
    "revocation": revoked,
    "suspension": denied,
    "weights": weighted,
    "endpoint": moved,
}


async def many(world: World, folder: Path, port: int) -> dict[str, Any]:
    """From few models to many in one change, then one endpoint; the server takes health checks easily."""
    served_at = {f"model-{number}": Endpoint(LOOPBACK, port) for number in range(MODELS)}
    began = time.monotonic()
    made = written(folder, served_at, [consumer("c0", ["*"])], world.plant.ledger.port, found=True)
    translated = time.monotonic() - began
    small = world.gateway
    large = made.gateway
    agent = world.plant.hosts[0].agent
    world.gateway = replace(large, keys=small.keys[:1], policies=small.policies, listener=small.listener)
    posted = world.post()
    for number in (MODELS - 1, MODELS // 2, 11):
        await world.answered(lambda status, _: status == 200, f"model-{number}")
    routed = time.monotonic() - posted
    await world.plant.live()
    assert agent.process
    before = cpu(agent.process.pid)
    seconds = [await moved(world, "model-77") for _ in range(10)]
    used = (cpu(agent.process.pid) - before) / 20
    return {
        f"{MODELS} models translated and rendered once (s)": round(translated, 2),
        f"{MODELS} models routed (s, at most {MOST_ROUTED_SECONDS:g})": round(routed, 2),
        "endpoint of one of them (s, worst of 10)": round(max(seconds), 3),
        "agent's CPU for it (ms)": round(1000 * used, 1),
        "agent with them (MiB)": round(resident(agent.process.pid), 1),
    }


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def memory(world: World) -> dict[str, Any]:
    """An agent and an Envoy with many keys after some changes."""
    gateway = world.gateway
    policies = [each.policy for each in gateway.keys]
    keys = tuple(Key(policies[n % len(policies)], "ns", f"s-{n:05}", f"ns/key-{n:05}/token") for n in range(KEYS))
    secrets = {each.reference: f"pl_not-a-real-key-of-bench-{n:08}" for n, each in enumerate(keys)}
    world.plant.spots[0].operator.secrets = secrets
    for number in range(15):
        world.post(keys=keys[number:])
        await world.plant.live()
    host = world.plant.hosts[0]
    assert host.agent.process
    return {
        f"agent at {KEYS} keys, changed 15 times (MiB, at most {MOST_AGENT_MIB})": round(
            resident(host.agent.process.pid), 1
        ),
        f"Envoy at {KEYS} keys, changed 15 times (MiB)": round(resident(host.envoy.process.pid), 1),
    }


async def measured(count: int, folder: Path) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    first, second = Server("first", answer), Server("second", other)
    calling = [consumer(f"c{n}", ["*", f"model-{n}"]) for n in range(20)]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(first, second))
        port = stack.enter_context(wire.upstream())
        for name, work in (("changes", KINDS), ("memory", None), ("many", None)):
            own = folder / name
            own.mkdir()
            async with AsyncExitStack() as inner:
                served_at = {f"model-{n}": Endpoint(LOOPBACK, first.port) for n in range(10)}
                plant = await inner.enter_async_context(a_plant(own, served_at, calling, found=True))
                world = World(plant, plant.written.gateway, first, second)
                if work:
                    for kind, change in work.items():
                        seconds = sorted([await change(world) for _ in range(count)])
                        p99 = seconds[-(len(seconds) // 100) - 1]
                        figures[f"{kind}: p50, p99 (s, at most {MOST_SECONDS:g})"] = [
                            round(statistics.median(seconds), 3),
                            round(p99, 3),
                        ]
                elif name == "memory":
                    figures |= await memory(world)
                else:
                    figures |= await many(world, own, port)
    return figures


def missed(figures: dict[str, Any]) -> list[str]:
    """Names of figures beyond their bound."""
    found = []
    for name, value in figures.items():
        bound = MOST_SECONDS if "p99" in name else MOST_ROUTED_SECONDS if "routed" in name else None
        bound = MOST_AGENT_MIB if name.startswith("agent at") else bound
        worst = value[-1] if isinstance(value, list) else value
        found += [name] if bound is not None and worst > bound else []
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200 if FULL else 5, help="changes of each kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paceline-bench-") as name:
        figures = asyncio.run(measured(options.count, Path(name)))
    beyond = missed(figures)
    print(json.dumps({"n": options.count} | figures | {"missed": beyond, "load average": os.getloadavg()[0]}))
    return 1 if FULL and beyond else 0


if __name__ == "__main__":
    sys.exit(main())
