"""A whole gateway of processes on loopback: ledger, agents and Envoys, programmed from kinds as an operator does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import sqlalchemy as sa

from paceline.api.consumer import Consumer
from paceline.api.ledger_config import LedgerConfig
from paceline.gateway.document import document
from paceline.gateway.ir import Endpoint, Gateway
from paceline.gateway.terms import Terms
from paceline.kube.resources import Key
from paceline.ledger.store import Store
from paceline.ledger.tables import RECORDS
from tests.support import ledger_process
from tests.support.agent import Host, Operator, agent_of, started
from tests.support.door import CHAT
from tests.support.envoy import LOOPBACK
from tests.support.ledger_service import TOKENS
from tests.support.ports import free_port
from tests.support.worlds import eventually
from tests.support.written import Written, written

#: As the gateway's pod has it.
FLUSH_MILLISECONDS = 100


@dataclass
class Spot:
    """One of the gateway's pods, with its own ports, and the operator that programs it.

    Attributes:
        leaving: It is being ended, so a Service gives it no new connections.
    """

    host: Host
    operator: Operator
    leaving: bool = False
    _serving: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def serve(self) -> None:
        """Let the operator answer."""
        await self._serving.enter_async_context(self.operator.serving())

    async def leave(self) -> None:
        """End the operator's server."""
        await self._serving.aclose()

    async def another(self, gateway: Gateway) -> None:
        """Exchange the operator for another one, which knows only what is wanted."""
        before = self.operator
        await self.leave()
        self.operator = Operator(before.folder, before.key, before.secrets, TOKENS[self.host.agent.pod])
        self.operator.port = before.port
        self.post(gateway, before.generation)
        await self.serve()

    def post(self, gateway: Gateway, generation: int | None = None) -> None:
        """Put another gateway up for it."""
        own = self.host.gateway
        listener = replace(gateway.listener, port=own.listener.port, address=LOOPBACK)
        kept = {name: getattr(own, name) for name in ("admin_port", "agent_port", "addresses_port", "log_file")}
        self.operator.post(replace(gateway, listener=listener, **kept), generation)

    @property
    def live(self) -> bool:
        """Its agent has what was posted last."""
        return self.operator.report_of(self.host.agent.pod).generation == self.operator.generation


@dataclass
class Plant:
    """What runs.

    Attributes:
        spots: A gateway's pods.
        ledger: The process.
        url: Of its database.
    """

    folder: Path
    written: Written
    ledger: ledger_process.Process
    url: str
    client: aiohttp.ClientSession
    spots: list[Spot] = field(default_factory=list)
    _told: LedgerConfig | None = None

    @property
    def hosts(self) -> list[Host]:
        return [each.host for each in self.spots]

    async def tell(self, terms: Terms) -> None:
        """Tell the ledger; first, because what it does not know of is refused."""
        made = document((terms,), self._told)
        if made is self._told:
            return
        self._told = made
        body = made.model_dump_json(by_alias=True, exclude_none=True).encode()
        headers = {"Authorization": f"Bearer {TOKENS['operator']}", "Content-Type": "application/json"}
        url = f"http://{LOOPBACK}:{self.ledger.port}/v1/config"
        async with self.client.put(url, data=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()

    def post(self, gateway: Gateway, generation: int | None = None) -> None:
        """Serve another gateway; with the generation in force only other addresses."""
        for each in self.spots:
            each.post(gateway, generation)

    async def live(self) -> None:
        """Wait until all agents have what was posted last."""
        await eventually(lambda: all(each.live for each in self.spots), 20, "agents have what was posted last")

    async def ask(self, model: str, who: str, host: Host | None = None, **more: Any) -> tuple[int, str, Any]:
        """Status, id of the request, document."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
        headers = {"authorization": f"Bearer {self.written.keys[who]}"}
        async with self.client.post(url_of(host or self.hosts[0]) + CHAT, json=body, headers=headers) as response:
            return response.status, response.headers.get("x-request-id", ""), await response.json()

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """The ledger's rows by their request, in the order of its attempts."""
        store = Store.open(self.url)
        try:
            with store.reading() as tx:
                found = [dict(row) for row in tx.execute(sa.select(RECORDS).order_by(RECORDS.c.seq)).mappings()]
        finally:
            store.close()
        by_request: dict[str, list[dict[str, Any]]] = {}
        for row in sorted(found, key=lambda each: int(each["attempt"])):
            by_request.setdefault(row["request_id"], []).append(row)
        return by_request


def url_of(host: Host) -> str:
    return f"http://{LOOPBACK}:{host.gateway.listener.port}"


def _spot(plant: Plant, number: int, gateway: Gateway) -> Spot:
    """A pod, not started."""
    name, own = f"pod-{number}", plant.folder / f"pod-{number}"
    for each in ("files", "logs"):
        (own / each).mkdir(parents=True)
    (own / "token").write_text(TOKENS[name])
    ported = replace(
        gateway,
        listener=replace(gateway.listener, port=free_port()),
        admin_port=free_port(),
        agent_port=free_port(),
        addresses_port=free_port(),
        log_file=str(own / "logs/requests.jsonl"),
    )
    key = Key(gateway.namespace, gateway.name)
    operator = Operator(own / "files", key, plant.written.secrets, TOKENS[name])
    agent = agent_of(ported, own, operator.port, plant.ledger.port, name)
    return Spot(Host(ported, own, agent, plant.client, flush_milliseconds=FLUSH_MILLISECONDS), operator)


@asynccontextmanager
async def a_plant(
    folder: Path, served_at: dict[str, Endpoint], calling: Sequence[Consumer], pods: int = 1, **more: Any
) -> AsyncIterator[Plant]:
    """A gateway that serves.

    Args:
        folder: Of everything.
        served_at: Where the one engine of each model listens.
        calling: Consumers.
        pods: How many the gateway has.
        more: Of the Gateway's spec.
    """
    url = f"sqlite:///{folder}/ledger.db"
    async with AsyncExitStack() as stack:
        ledger = stack.enter_context(ledger_process.process(url, folder))
        made = written(folder, served_at, calling, ledger.port, **more)
        client = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        plant = Plant(folder, made, ledger, url, client)
        await plant.tell(made.made.terms)
        for number in range(1, pods + 1):
            spot = _spot(plant, number, made.gateway)
            await spot.serve()
            stack.push_async_callback(spot.leave)
            stack.callback(spot.host.over)
            plant.spots.append(spot)
        plant.post(made.gateway)
        for spot in plant.spots:
            await started(spot.host)
        await plant.live()
        yield plant
