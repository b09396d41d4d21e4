"""Nobody notices: no request fails and no stream is cut while everything around it changes or is restarted.

Two pods with real agents, Envoys and a real ledger behind what a Service does with connections, and engines that drain
as in a cluster. 30 % of the requests are streams at 10 chunks a second. PACELINE_TEST_SIZE=full sends 20,000 requests
at 60 a second in each drill, with streams of 1 to 20 s (mean 5 s), instead of 150 short ones.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from paceline.gateway.ir import Branch, Cluster, Endpoint, Gateway, Pods, Route
from paceline.gateway.translate import translate
from tests.support import consumers, enginesim
from tests.support.agent import Host, until_status
from tests.support.balancer import Balancer
from tests.support.crowd import Crowd, Lengths
from tests.support.envoy import LOOPBACK
from tests.support.neutral import answered_by
from tests.support.plant import Plant, Spot, a_plant
from tests.support.written import consumer

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
REQUESTS, LENGTHS = (20_000, Lengths(1, 5, 20)) if FULL else (150, Lengths(0.3, 0.8, 2))
PER_SECOND = 60
#: From the SIGTERM of an engine on, as its pod has it: first everybody learns that it is going.
PRE_STOP_SECONDS = 5 if FULL else 1
#: A pod's least time to end, and how long a Service takes to learn that one is not ready.
SETTLE_SECONDS, LEARN_SECONDS = (5.0, 1.0) if FULL else (1.5, 0.3)
#: Between two troubles.
PAUSE_SECONDS = 1.0 if FULL else 0.5
#: A tenth of a second for each token.
ENGINE = ("--served-name", "engine-of-bot", "--time-scale", "12.5", "--load-seconds", "0", "--drain-seconds", "30")

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1800 if FULL else 120)]


@dataclass
class Engines:
    """Processes, each with its own port."""

    folder: Path
    running: list[tuple[enginesim.Running, Any]] = field(default_factory=list)
    _number: Any = field(default_factory=count)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(Endpoint(LOOPBACK, int(each.url.rpartition(":")[2])) for each, _ in self.running)

    def start(self) -> None:
        manager = enginesim.process(self.folder / f"truth-{next(self._number)}.jsonl", *ENGINE)
        self.running.append((manager.__enter__(), manager))

    def leave_out(self) -> tuple[enginesim.Running, Any]:
        """The oldest is no endpoint any more."""
        return self.running.pop(0)

    @staticmethod
    def end(left: tuple[enginesim.Running, Any]) -> None:
        """As the kubelet ends a pod."""
        engine, manager = left
        assert engine.process
        engine.process.send_signal(signal.SIGTERM)
        assert engine.process.wait(60) == 0
        manager.__exit__(None, None, None)


@dataclass
class Site:
    """Everything, and what is posted of it now."""

    plant: Plant
    balancer: Balancer
    engines: Engines
    gateway: Gateway
    key: str
    dice: random.Random

    def post(self, generation: int | None = None, **more: Any) -> None:
        self.gateway = replace(self.gateway, **more)
        self.plant.post(self.gateway, generation)

    def readdress(self) -> None:
        """Tell where engines are now, which needs no generation."""
        servers = [replace(each.servers, endpoints=self.engines.endpoints) for each in self.gateway.clusters]
        clusters = tuple(replace(c, servers=s) for c, s in zip(self.gateway.clusters, servers, strict=True))
        self.post(self.plant.spots[0].operator.generation, clusters=clusters)


async def ready(plant: Plant, found: list[int]) -> None:
    """Keep a list of ports of pods that are ready, as late as a Service knows of it."""
    while True:
        await asyncio.sleep(LEARN_SECONDS)
        staying = [each.host for each in plant.spots if not each.leaving]
        found[:] = [each.gateway.listener.port for each in staying if await _ready(each)] or found


async def _ready(host: Host) -> bool:
    """An agent that is away says nothing of its Envoy for as long as the kubelet waits: two probes of 5 s."""
    try:
        return (await host.probe("/readyz"))[0] == 200
    except OSError:
        return True


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    engines = Engines(folder)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await asyncio.to_thread(engines.start)
        stack.callback(lambda: [manager.__exit__(None, None, None) for _, manager in engines.running])
        soft = consumers.budget(mode="Soft")
        calling = [consumer("shop", ["*"], budgets=[soft], credentials=[consumers.key("k1"), consumers.key("k2")])]
        plant = await stack.enter_async_context(a_plant(folder, {"bot": engines.endpoints[0]}, calling, pods=2))
        for each in plant.hosts:
            await restarted_with(each, SETTLE_SECONDS)
        found = [each.gateway.listener.port for each in plant.hosts]
        balancer = Balancer(lambda: found)
        await stack.enter_async_context(balancer.serving())
        task = asyncio.create_task(ready(plant, found))
        stack.callback(task.cancel)
        key = next(iter(plant.written.secrets.values()))
        made = Site(plant, balancer, engines, plant.written.gateway, key, random.Random(7))
        made.readdress()
        yield made


async def restarted_with(host: Host, settle_seconds: float) -> None:
    """An agent with another least time of a drain."""
    command = host.agent.command
    host.agent.command = [each for each in command if not each.startswith("--settle-seconds")]
    host.agent.command.append(f"--settle-seconds={settle_seconds}")
    await host.agent.end()
    await asyncio.to_thread(host.agent.start)
    await until_status(host, "/readyz", 200)


async def drilled(site: Site, trouble: Callable[[], Awaitable[None]], record: Any) -> None:
    """Users ask while there is trouble, again and again; nothing may be wrong with any answer."""
    crowd = Crowd(
        f"http://{LOOPBACK}:{site.balancer.port}",
        lambda: site.key,
        PER_SECOND,
        LENGTHS,
        random.Random(site.dice.random()),
    )
    rounds, over = 0, False

    async def again() -> None:
        nonlocal rounds
        while not over or not rounds:
            await trouble()
            rounds += 1

    async with crowd.asking():
        task = asyncio.create_task(again())
        await crowd.until(REQUESTS)
        over = True
        await task
    figures = {"requests": crowd.sent, "rounds": rounds, "failed": len(crowd.failures), "streams cut": crowd.cut}
    for name, value in figures.items():
        record(name, value)
    print(figures, crowd.failures[:5])
    assert not crowd.failures, f"{len(crowd.failures)} of {crowd.sent}: {crowd.failures[:10]}"
    assert crowd.answered == crowd.sent >= REQUESTS


async def test_configurations_change_ten_times_a_second(site: Site, record_property: Any) -> None:
    routes, clusters, numbers = site.gateway.routes, site.gateway.clusters, count()
    began = time.monotonic()

    async def change() -> None:
        number = next(numbers)
        await asyncio.sleep(max(0.0, began + number / 10 - time.monotonic()))
        new = Cluster(f"new-{number % 7}", Pods(site.engines.endpoints, "/health"), "engine-of-bot", "Continuous")
        extra = [Route(f"extra-{n}", (Branch(answered_by(new.name)),)) for n in range(number % 5)]
        moved = replace(routes[0], branches=(Branch(answered_by(new.name)),)) if number % 3 == 0 else routes[0]
        site.post(clusters=(*clusters, new), routes=tuple(sorted((moved, *extra), key=lambda each: each.model)))

    await drilled(site, change, record_property)
    site.post(clusters=clusters, routes=routes)
    await site.plant.live()


async def test_envoys_are_restarted_one_after_the_other(site: Site, record_property: Any) -> None:
    async def roll() -> None:
        for each in site.plant.spots:
            await restart(each)

    await drilled(site, roll, record_property)


async def restart(spot: Spot) -> None:
    """As the kubelet ends a pod and starts another one: drain, wait, SIGTERM; then agent and Envoy."""
    host, spot.leaving = spot.host, True
    drain = [*host.agent.command[:4], "drain", f"--port={host.agent.local_port}"]
    await asyncio.to_thread(subprocess.run, drain, check=True, timeout=20)
    assert drain[0] == sys.executable
    assert (await host.probe("/drained"))[0] == 200
    host.envoy.process.terminate()
    await asyncio.to_thread(host.envoy.process.wait, 30)
    await host.agent.end()
    await asyncio.to_thread(host.agent.start)
    await asyncio.to_thread(host.start_envoy)
    await until_status(host, "/readyz", 200, 30)
    spot.leaving = False
    # The Service must have learned of it before the next one may go.
    await asyncio.sleep(3 * LEARN_SECONDS)


async def test_agents_are_killed_and_restarted(site: Site, record_property: Any) -> None:
    signals = count()

    async def end() -> None:
        for each in site.plant.hosts:
            await each.agent.end(signal.SIGKILL if next(signals) % 2 else signal.SIGTERM)
            await asyncio.to_thread(each.agent.start)
            await until_status(each, "/readyz", 200, 20)

    await drilled(site, end, record_property)


async def test_the_ledger_is_killed_and_restarted(site: Site, record_property: Any) -> None:
    signals = count()

    async def end() -> None:
        if next(signals) % 2:
            await asyncio.to_thread(site.plant.ledger.kill)
        else:
            await asyncio.to_thread(site.plant.ledger.end)
        await asyncio.to_thread(site.plant.ledger.start)
        await asyncio.sleep(PAUSE_SECONDS)

    await drilled(site, end, record_property)


async def test_the_operator_goes_and_another_one_comes(site: Site, record_property: Any) -> None:
    async def exchange() -> None:
        for each in site.plant.spots:
            await each.another(site.gateway)
        await asyncio.sleep(PAUSE_SECONDS)

    await drilled(site, exchange, record_property)
    site.post(routes=site.gateway.routes)
    await site.plant.live()


async def test_keys_are_rotated(site: Site, record_property: Any) -> None:
    """As the how-to says it: the next key is let in, all users get it, the old one goes."""
    numbers = count(1)
    seen, secrets = site.plant.written.seen, site.plant.written.secrets
    first, second = secrets
    shop = seen.consumers[0]

    async def rotate() -> None:
        for new in (second, first):
            secrets[new] = f"pl_not-a-real-key-rotated-{next(numbers):06}"
            await keys(dict(secrets))
            site.key = secrets[new]
            await asyncio.sleep(PAUSE_SECONDS)
            await keys({new: secrets[new]})

    async def keys(wanted: dict[str, str]) -> None:
        found = translate(replace(seen, consumers=(shop,)), wanted).gateway.keys
        assert len(found) == len(wanted)
        for each in site.plant.spots:
            each.operator.secrets = wanted
        site.post(keys=found)
        await site.plant.live()

    await drilled(site, rotate, record_property)
    await keys(dict(secrets))


async def test_engines_come_and_go(site: Site, record_property: Any) -> None:
    async def scale() -> None:
        await asyncio.to_thread(site.engines.start)
        site.readdress()
        await asyncio.sleep(PAUSE_SECONDS)
        left = site.engines.leave_out()
        site.readdress()
        await asyncio.sleep(PRE_STOP_SECONDS)
        await asyncio.to_thread(site.engines.end, left)

    await drilled(site, scale, record_property)
