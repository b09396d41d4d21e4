"""Replicas of the ledger's service within the test's loop, and what gateways, the operator and readers send them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from paceline.api.record import Record, write
from paceline.ledger.service import server
from paceline.ledger.service.service import Service
from paceline.ledger.service.settings import Settings
from paceline.ledger.service.verifier import TokenFile
from paceline.ledger.store import Store
from tests.support.ledger import MINUTE, NOW
from tests.support.ledger_config import CLIENT, GATEWAY
from tests.support.ports import free_port

#: Of the pods of the usual gateway, of another one's, and of the others.
TOKENS = {name: f"token-of-{name}" for name in ("pod-1", "pod-2", "pod-3", "foreign", "reader", "operator", "peer")}


def token_file(folder: Path) -> Path:
    """Digests of all tokens."""
    scopes = {"reader": "read", "operator": "configure", "peer": "peer"}
    entries = []
    for name, token in TOKENS.items():
        entry = {"name": name, "sha256": hashlib.sha256(token.encode()).hexdigest()}
        entry |= {"scopes": [scopes.get(name, "gateway")]}
        if name not in scopes:
            entry |= {"gateway": "other/gateway" if name == "foreign" else GATEWAY, "shipper": name}
        entries.append(entry)
    path = folder / "tokens.json"
    path.write_text(json.dumps(entries))
    return path


@dataclass
class Clock:
    """Wall time that stands still unless it is moved."""

    now_us: int = NOW + MINUTE

    def __call__(self) -> int:
        return self.now_us


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> tuple[int, str]:
        """Status, and code of an error in the OpenAI form."""
        return self.status, self.json["error"]["code"]


@dataclass
class Desk:
    """One replica, as its callers see it."""

    service: Service
    port: int
    session: aiohttp.ClientSession
    stop: asyncio.Event
    positions: dict[tuple[str, str], int] = field(default_factory=dict)

    async def ask(self, method: str, path: str, who: str = "", **more: Any) -> Answer:
        headers = more.pop("headers", {}) | ({"Authorization": f"Bearer {TOKENS[who]}"} if who else {})
        url = f"{'https' if self.service.certificate else 'http'}://127.0.0.1:{self.port}{path}"
        async with self.session.request(method, url, headers=headers, **more) as answer:
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.text())

    async def configure(self, document: dict[str, Any]) -> Answer:
        return await self.ask("PUT", "/v1/config", "operator", json=document)

    async def send(self, *lines: Record | bytes, who: str = "pod-1", log: str = "a", **more: Any) -> Answer:
        """Send what comes next in a log."""
        start = more.pop("start", self.positions.get((who, log), 0))
        position, body = start, b""
        for each in lines:
            data = write(each) if isinstance(each, Record) else each
            body += b"%d %s\n" % (position, data)
            position += len(data) + 1
        query = {"log": log, "start": start, "end": position, "completeUs": NOW} | more
        answer = await self.ask("POST", "/v1/records", who, params=query, data=body)
        if answer.status == 200:
            self.positions[who, log] = answer.json["position"]
        return answer

    async def admit(self, number: str = "r1", who: str = "pod-1", client: str = CLIENT, **changes: Any) -> Answer:
        """Ask for admission as Envoy does."""
        said = {"client": client, "model": "support-bot", "operation": "chat", "stream": True}
        said |= {"bound": 100, "n": 1, "prompt_bytes": 1000, "media": 0} | changes
        headers = {"x-request-id": number, "x-pl-request": json.dumps(said), "x-pl-client": client}
        return await self.ask("POST", "/v1/admission", who, headers=headers)

    async def deny(self, wait: int = 0, tag: str = "", who: str = "pod-1") -> Answer:
        headers = {"If-None-Match": tag} if tag else {}
        return await self.ask("GET", "/v1/deny", who, params={"wait": wait}, headers=headers)


@asynccontextmanager
async def replicas(url: str, folder: Path, count: int = 1, **settings: Any) -> AsyncIterator[list[Desk]]:
    """Some replicas on one database; each ends as after SIGTERM."""
    clock = settings.pop("now_us", None) or Clock()
    more = {name: settings.pop(name) for name in ("engines",) if name in settings}
    tokens = token_file(folder)
    peer = folder / "peer"
    peer.write_text(TOKENS["peer"])
    ports = {f"ledger-{number}": free_port() for number in range(count)}
    place = "https://localhost" if settings.get("tls") else "http://127.0.0.1"
    urls = {name: f"{place}:{port}" for name, port in ports.items()} if count > 1 else {}
    async with AsyncExitStack() as stack:
        desks = []
        for name, port in ports.items():
            wanted = {"host": "127.0.0.1", "port": port, "replica": name, "replicas": urls, "peer_token_file": peer}
            made = Settings(**(wanted | {"look_seconds": 0.05, "drain_seconds": 5.0} | settings))
            service = Service(made, Store.open(url), TokenFile(tokens), now_us=clock, **more)
            desks.append(await stack.enter_async_context(_running(service)))
        yield desks


@asynccontextmanager
async def _running(service: Service) -> AsyncIterator[Desk]:
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(server.serve(service, stop, listening.set_result))
    await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
    if not listening.done():
        await task
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=False)) as session:
        try:
            yield Desk(service, listening.result(), session, stop)
        finally:
            stop.set()
            await task


async def eventually(look: Callable[[], Awaitable[Any]], seconds: float, what: str) -> Any:
    """Look until there is something true."""
    end = time.monotonic() + seconds
    while True:
        found = await look()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)
