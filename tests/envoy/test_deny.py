"""Budgets at a real Envoy: an overspend is refused within a second, and a ledger that is gone is borne for a while."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from paceline.settings import microseconds
from tests.support.agent import CLIENT, POD, TOKEN, Pod, a_pod, brought_up, until_status
from tests.support.door import SECRETS
from tests.support.envoy import LOOPBACK
from tests.support.ledger_config import a_budget, a_config, a_consumer, a_gateway
from tests.support.ledger_service import Desk, replicas
from tests.support.ports import free_port
from tests.support.worlds import eventually

GRACE = 2


def document(amount: str, generation: int = 1) -> dict[str, Any]:
    """A budget for one Consumer, none for the other. An answer costs 18 micro-units."""
    price = {"name": "p", "model": "engine-a", "inputPerMillion": 1, "outputPerMillion": 2}
    here = {"gateways": ["ns/public"]}
    acme = a_consumer("ns/acme", **here, clients=[CLIENT], budgets=[a_budget(amount, mode="Soft", name="day")])
    staff = a_consumer("ns/staff", **here, clients=["internal.0f0f0f0f.ns.staff"])
    gateway = a_gateway(name="ns/public", prices=[price])
    return a_config(generation, gateways=[gateway], consumers=[acme, staff])


@asynccontextmanager
async def ledger(folder: Path, port: int) -> AsyncIterator[Desk]:
    """The real one, which knows the pod."""
    async with replicas(f"sqlite:///{folder}/ledger.db", folder, now_us=microseconds, port=port) as (desk,):
        tokens = folder / "tokens.json"
        pod = {"name": POD, "sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "scopes": ["gateway"]}
        known = [*json.loads(tokens.read_text()), pod | {"gateway": "ns/public", "shipper": POD}]
        new = tokens.with_suffix(".new")
        new.write_text(json.dumps(known))
        new.rename(tokens)
        yield desk


@asynccontextmanager
async def brought(folder: Path, port: int) -> AsyncIterator[Pod]:
    async with a_pod(folder, port) as pod:
        pod.operator.graces = {CLIENT: GRACE}
        labels = (("backend", "main"), ("model", "engine-a"))
        first, *others = pod.gateway.clusters
        pod.gateway = replace(pod.gateway, clusters=(replace(first, labels=labels), *others))
        async with pod.operator.serving():
            await brought_up(pod)
            yield pod


async def asked(pod: Pod, who: str = "public") -> tuple[int, dict[str, str], Any]:
    url = f"http://{LOOPBACK}:{pod.gateway.listener.port}/v1/chat/completions"
    body = {"model": "public-a", "messages": []}
    headers = {"authorization": f"Bearer {SECRETS[who]}", "connection": "close"}
    async with pod.client.post(url, json=body, headers=headers) as response:
        return response.status, dict(response.headers), await response.json()


async def answered(pod: Pod, status: int) -> bool:
    return (await asked(pod))[0] == status


async def until(pod: Pod, status: int, seconds: float) -> float:
    """Seconds until the consumer with a budget is answered so."""
    began = time.monotonic()
    await eventually(lambda: answered(pod, status), seconds, f"{status}")
    return time.monotonic() - began


async def test_an_overspend_is_refused_within_a_second_and_says_of_which_budget(tmp_path: Path) -> None:
    port = free_port()
    async with ledger(tmp_path, port) as desk, brought(tmp_path, port) as pod:
        assert (await desk.configure(document("0.000060"))).status == 200
        for _ in range(4):
            assert (await asked(pod))[0] == 200
        assert await until(pod, 429, 5) < 1
        _, headers, found = await asked(pod)
        assert found["error"] | {"param": None} == {
            "message": 'The budget "day" of this key is used up.',
            "type": "invalid_request_error",
            "param": None,
            "code": "insufficient_quota",
        }
        assert 0 < int(headers["Retry-After"]) <= 31 * 86_400
        assert (await asked(pod, "staff"))[0] == 200
        # Also of an Envoy that starts, from its first request on.
        pod.kill_envoy()
        pod.start_envoy()
        assert (await asked(pod))[0] == 429
        await desk.configure(document("9", 2))
        assert await until(pod, 200, 5) < 1


async def test_without_the_ledger_a_budget_is_served_for_its_grace_and_then_refused_until_it_is_back(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with brought(tmp_path, port) as pod:
        async with ledger(tmp_path, port) as desk:
            assert (await desk.configure(document("9"))).status == 200
            kept = pod.folder / "files/agent/verdicts.json"
            await eventually(lambda: not json.loads(kept.read_text())["silent"], 10, "an answer of the ledger")
            await until(pod, 200, 2)
            end = time.monotonic() + GRACE
            while time.monotonic() < end:
                assert await answered(pod, 200)
        assert await until(pod, 503, GRACE + 3) > GRACE / 2
        _, headers, found = await asked(pod)
        assert (found["error"]["code"], headers["Retry-After"]) == ("admission_unavailable", "10")
        assert (await asked(pod, "staff"))[0] == 200
        # Neither a new agent nor a new Envoy begins the grace anew.
        pod.agent.over()
        pod.kill_envoy()
        pod.agent.start()
        pod.start_envoy()
        await until_status(pod, "/readyz", 200)
        assert [(await asked(pod))[0] for _ in range(5)] == [503] * 5
        async with ledger(tmp_path, port):
            assert await until(pod, 200, 5) < 2.5
