"""More models than Envoy may watch files for: their addresses come on a stream from the agent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest_asyncio

from paceline.gateway.envoy.endpoints import MOST_FILES
from paceline.gateway.ir import Branch, Cluster, Endpoint, Pods, Route
from paceline.gateway.snapshot import addresses
from tests.support.agent import KEY, Pod, a_pod, brought_up, until_status
from tests.support.envoy import LOOPBACK
from tests.support.neutral import answered_by
from tests.support.worlds import eventually

COUNT = 2 * MOST_FILES


@pytest_asyncio.fixture
async def serving(tmp_path: Path) -> AsyncIterator[Pod]:
    async with a_pod(tmp_path) as pod:
        clusters = tuple(
            Cluster(f"c{number}", Pods((Endpoint(LOOPBACK, pod.second.port),)), f"engine-{number}")
            for number in range(COUNT)
        )
        routes = tuple(Route(f"public-m{number}", (Branch(answered_by(f"c{number}")),)) for number in range(COUNT))
        pod.gateway = replace(
            pod.gateway,
            clusters=(*pod.gateway.clusters, *clusters),
            routes=(*pod.gateway.routes, *routes),
        )
        async with pod.operator.serving():
            await brought_up(pod)
            yield pod


def move(pod: Pod, number: int, port: int) -> None:
    """The pods of one model are elsewhere now."""
    (cluster,) = [each for each in pod.gateway.clusters if each.name == f"c{number}"]
    moved = replace(cluster, servers=Pods((Endpoint(LOOPBACK, port),)))
    pod.operator.board.move(KEY, addresses([moved]))


async def answered_by_first(pod: Pod, number: int) -> bool:
    before = len(pod.first.seen)
    status, _, _ = await pod.ask(f"public-m{number}")
    return status == 200 and len(pod.first.seen) > before


async def test_an_address_of_one_of_very_many_models_is_live_at_once_and_nothing_else_is_written(serving: Pod) -> None:
    assert json.loads((await serving.ask(f"public-m{COUNT - 1}"))[2])["model"] == f"engine-{COUNT - 1}"
    assert not (serving.folder / "files/eds").exists()
    written = {each: each.stat().st_mtime_ns for each in (serving.folder / "files").glob("*.json")}
    for number in (0, COUNT - 1, COUNT // 2):
        move(serving, number, serving.first.port)
        await eventually(lambda one=number: answered_by_first(serving, one), 1)
    assert {each: each.stat().st_mtime_ns for each in written} == written
    assert not await answered_by_first(serving, 1)


async def test_a_stream_that_broke_goes_on_and_envoy_comes_back_without_an_operator(serving: Pod) -> None:
    move(serving, 1, serving.first.port)
    await eventually(lambda: answered_by_first(serving, 1), 1)
    await serving.agent.end()
    assert await answered_by_first(serving, 1), "without the agent"
    serving.agent.start()
    move(serving, 2, serving.first.port)
    await eventually(lambda: answered_by_first(serving, 2), 5)
    serving.kill_envoy()
    serving.start_envoy()
    await until_status(serving, "/readyz", 200)
    assert await answered_by_first(serving, 2)
