"""A model at zero replicas: its requests wait at the real ledger behind a real Envoy for the first engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from paceline.gateway.document import document
from paceline.gateway.ir import Endpoint, Service
from paceline.gateway.translate import Translation, translate
from paceline.settings import microseconds
from tests.support import consumers, gateways, models
from tests.support.certificates import certificate_for
from tests.support.door import CHAT, answer, token
from tests.support.envoy import LOOPBACK, Running, Server, free_ports, running, serving
from tests.support.ledger_service import Desk, replicas
from tests.support.translating import SITE, keys_of, seen, served
from tests.support.worlds import eventually, stays

NAMESPACE, MODEL = "platform", "platform/chat"
CONSUMER = consumers.consumer({"credentials": [consumers.key()]}, namespace=NAMESPACE)
SECRETS = keys_of(CONSUMER)


@dataclass
class House:
    """A gateway whose one model is at zero.

    Attributes:
        ledger: As Envoy reaches it.
        port: Of its listener.
        admin: Of Envoy's own page.
        generation: Of the ledger's document.
    """

    folder: Path
    engine: Server
    desk: Desk
    ledger: Service
    port: int
    admin: int
    waiting: dict[str, int]
    running: Running | None = None
    generation: int = 0

    def translated(self, *endpoints: Endpoint) -> Translation:
        """What the gateway comes to with these engines."""
        md = models.model(namespace=NAMESPACE)
        serving_ = replace(served(md).servings[0], endpoints=endpoints, health_path="", capacity=8)
        wanted = gateways.gateway({"routes": [gateways.route(waiting=self.waiting)]}, namespace=NAMESPACE)
        world = seen(
            wanted,
            site=replace(SITE, port=self.port),
            consumers=(CONSUMER,),
            models=(served(md, servings=(serving_,)),),
        )
        made = translate(world, SECRETS)
        log = str(self.folder / "requests.jsonl")
        local = replace(made.gateway, services=(self.ledger,), admin_port=self.admin, log_file=log)
        return replace(made, gateway=local)

    async def tell(self, made: Translation) -> None:
        """Tell the ledger."""
        self.generation += 1
        config = document([made.terms]).model_copy(update={"generation": self.generation})
        answered = await self.desk.configure(config.model_dump(mode="json", by_alias=True, exclude_none=True))
        assert answered.status == 200, answered.text

    async def ask(self) -> tuple[int, str]:
        """Ask as a client does."""
        body: dict[str, Any] = {"model": "bot", "messages": [{"role": "user", "content": "hi"}]}
        headers = {"authorization": f"Bearer {next(iter(SECRETS.values()))}"}
        url = f"http://{LOOPBACK}:{self.port}{CHAT}"
        async with aiohttp.ClientSession() as client, client.post(url, json=body, headers=headers) as found:
            return found.status, await found.text()

    async def waits(self, count: int) -> None:
        room = self.desk.service.rooms.room(MODEL)
        await eventually(lambda: room.waiting == count, 10, f"{count} to wait")


async def _engine(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    if request.path == "/metrics":
        return web.Response(text="vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n")
    return await answer(request, body)


@asynccontextmanager
async def at_zero(folder: Path, **waiting: int) -> AsyncIterator[House]:
    certificate, private = certificate_for("localhost")
    (folder / "tls").mkdir()
    (folder / "tls" / "tls.crt").write_bytes(certificate)
    (folder / "tls" / "tls.key").write_bytes(private)
    engine = Server("engine", _engine)
    listening, admin = free_ports(2)
    url = f"sqlite:///{folder}/ledger.db"
    async with serving(engine), replicas(url, folder, now_us=microseconds, tls=folder / "tls") as (desk,):
        ledger = Service("ledger", "localhost", desk.port, str(folder / "tls" / "tls.crt"), token(folder, "pod-1"))
        made = House(folder, engine, desk, ledger, listening, admin, {"maxSeconds": 20, "maxRequests": 10, **waiting})
        nobody = made.translated()
        await made.tell(nobody)
        with running(nobody.gateway, SECRETS, folder) as proxy:
            made.running = proxy
            yield made


@pytest.mark.parametrize("first", ["envoy", "ledger"])
async def test_requests_that_wait_are_answered_when_the_model_is_scaled_up(tmp_path: Path, first: str) -> None:
    async with at_zero(tmp_path) as made:
        assert made.running is not None
        going = [asyncio.create_task(made.ask()) for _ in range(2)]
        await made.waits(2)
        there = made.translated(Endpoint(LOOPBACK, made.engine.port))
        if first == "envoy":
            made.running.change(there.gateway)
        await made.tell(there)
        if first == "ledger":
            await stays(lambda: not any(each.done() for each in going), 0.3)
            made.running.change(there.gateway)
        found = await asyncio.gather(*going)
        assert [status for status, _ in found] == [200, 200], found


async def test_without_a_scale_up_they_are_told_in_time_when_to_come_back(tmp_path: Path) -> None:
    async with at_zero(tmp_path, maxSeconds=1) as made:
        status, text = await made.ask()
        assert (status, "queue_timeout" in text) == (429, True), text
        assert not made.engine.seen
