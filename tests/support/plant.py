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
class Plant:
    """What runs.

    Attributes:
        hosts: A gateway's pods, each with an Envoy and its agent.
        ledger: The process.
        url: Of its database.
    """

    folder: Path
    written: Written
    operator: Operator
    ledger: ledger_process.Process
    url: str
    client: aiohttp.ClientSession
    hosts: list[Host] = field(default_factory=list)
    _told: LedgerConfig | None = None

    async def post(self, gateway: Gateway, terms: Terms) -> None:
        """Serve another gateway; the ledger is told first, because what it does not know of is refused."""
        made = document((terms,), self._told)
        if made is not self._told:
            self._told = made
            body = made.model_dump_json(by_alias=True, exclude_none=True).encode()
            headers = {"Authorization": f"Bearer {TOKENS['operator']}", "Content-Type": "application/json"}
            url = f"http://{LOOPBACK}:{self.ledger.port}/v1/config"
            async with self.client.put(url, data=body, headers=headers) as answer:
                assert answer.status < 300, await answer.text()
        self.operator.post(gateway)

    async def live(self, host: Host | None = None) -> None:
        """Wait until agents have what was posted last."""
        for each in [host] if host else self.hosts:
            await eventually(
                lambda of=each: self.operator.report_of(of.agent.pod).generation == self.operator.generation
            )

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


def pod_gateway(gateway: Gateway, folder: Path) -> Gateway:
    """The same gateway, as another pod on this machine has it: with ports and a log of its own."""
    return replace(
        gateway,
        listener=replace(gateway.listener, port=free_port(), address=LOOPBACK),
        admin_port=free_port(),
        agent_port=free_port(),
        log_file=str(folder / "logs/requests.jsonl"),
    )


@asynccontextmanager
async def a_plant(
    folder: Path, served_at: dict[str, Endpoint], calling: Sequence[Consumer], **more: Any
) -> AsyncIterator[Plant]:
    """A gateway with one pod that serves; its log is the one that is read by the agent.

    Args:
        folder: Of everything.
        served_at: Where the one engine of each model listens.
        calling: Consumers.
        more: Of the Gateway's spec.
    """
    url = f"sqlite:///{folder}/ledger.db"
    own = folder / "pod-1"
    for name in ("files", "logs"):
        (own / name).mkdir(parents=True)
    (own / "token").write_text(TOKENS["pod-1"])
    async with AsyncExitStack() as stack:
        ledger = stack.enter_context(ledger_process.process(url, folder))
        made = written(folder, served_at, calling, ledger.port, **more)
        gateway = replace(made.gateway, log_file=str(own / "logs/requests.jsonl"))
        key = Key(gateway.namespace, gateway.name)
        operator = Operator(own / "files", key, made.secrets, TOKENS["pod-1"])
        await stack.enter_async_context(operator.serving())
        client = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        plant = Plant(folder, made, operator, ledger, url, client)
        agent = agent_of(gateway, own, operator.port, ledger.port, "pod-1")
        host = Host(gateway, own, agent, client, flush_milliseconds=FLUSH_MILLISECONDS)
        stack.callback(host.over)
        plant.hosts.append(host)
        await plant.post(gateway, made.made.terms)
        await started(host)
        await plant.live()
        yield plant
