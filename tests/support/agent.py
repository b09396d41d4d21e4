"""A gateway's agent as a process, with a real Envoy, the operator's own server, and a ledger that forgets nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from paceline.api import record as records
from paceline.api.names import GATEWAY_ROLE, child_name
from paceline.api.record import Record
from paceline.decide.gateway_health import Report
from paceline.gateway.ir import Gateway
from paceline.gateway.snapshot import program
from paceline.gateway.stamp import Stamp
from paceline.kube.resources import Key
from paceline.local import envoy
from paceline.snapshots.board import Board
from paceline.snapshots.server import Snapshots
from tests.support.door import SECRETS, answer, gateway
from tests.support.envoy import ARGUMENTS, LOOPBACK, Proxy, Server, serving
from tests.support.ports import free_port
from tests.support.tree import ROOT
from tests.support.waiting import wait_until
from tests.support.worlds import eventually

POD = "public-0"
TOKEN = "token-of-the-pod"
KEY = Key("ns", "public")
CLIENT = "external.ab12cd34.ns.acme"


@dataclass
class Ledger:
    """Takes parts of logs as the ledger does, and remembers each record.

    Attributes:
        down: It answers 503.
        known: How far each log is known.
        found: Records by id; a second one of the same id must be alike.
        replayed: Records that came again.
    """

    down: bool = False
    known: dict[str, int] = field(default_factory=dict)
    found: dict[str, Record] = field(default_factory=dict)
    replayed: int = 0
    complete_us: int = 0
    tokens: set[str] = field(default_factory=set)
    port: int = 0

    async def take(self, request: web.Request) -> web.Response:
        self.tokens.add(request.headers["Authorization"])
        body = await request.read()
        if self.down:
            return web.json_response({"reason": "StoreUnavailable", "message": "down"}, status=503)
        log, start, end = (request.query["log"], int(request.query["start"]), int(request.query["end"]))
        known = self.known.get(log, 0)
        if start > known:
            return web.json_response({"reason": "Gap", "message": "gap", "position": known}, status=409)
        place = start
        for line in body.split(b"\n")[:-1]:
            position, _, text = line.partition(b" ")
            assert place <= int(position) <= end
            place = int(position)
            record = records.parse(text)
            if record.id in self.found:
                assert self.found[record.id] == record
                self.replayed += 1
            self.found[record.id] = record
        self.known[log] = max(known, end)
        self.complete_us = int(request.query["completeUs"])
        return web.json_response({"position": self.known[log]})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/v1/records", self.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, LOOPBACK, self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    def of(self, request_id: str) -> list[Record]:
        found = [each for each in self.found.values() if each.request_id == request_id]
        return sorted(found, key=lambda one: one.attempt)


class Operator:
    """The operator's server of snapshots, and what it was told.

    Args:
        folder: Where the proxy finds its files.
        key: Of the gateway.
        secrets: Keys of its consumers.
        token: Of its pods.
    """

    def __init__(self, folder: Path, key: Key = KEY, secrets: Mapping[str, str] = SECRETS, token: str = TOKEN) -> None:
        self.board = Board(lambda _: None)
        self.folder = folder
        self.key, self.secrets, self._token = key, secrets, token
        self.generation = 0
        self.graces: dict[str, int] = {}
        self.port = free_port()
        self._server = Snapshots(self.board, self._whose, lambda: True)

    async def _whose(self, token: str) -> str:
        account = child_name(self.key.namespace, self.key.name, GATEWAY_ROLE)
        return f"system:serviceaccount:{self.key.namespace}:{account}" if token == self._token else ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with self._server.serving(LOOPBACK, self.port, None):
            yield

    def post(self, wanted: Gateway, generation: int | None = None, **files: str) -> int:
        """Put a gateway up; `files` stand for files of the program, with - for . and __ for /."""
        self.generation = self.generation + 1 if generation is None else generation
        made, addresses = program(wanted, self.secrets, {CLIENT: "shop"}, str(self.folder), self.graces)
        changed = {place: files.get(place.split(".")[0], text) for place, text in made.files.items()}
        made = replace(made, files=changed)
        self.board.post(self.key, Stamp(self.generation, made.digest), made, addresses)
        return self.generation

    @property
    def report(self) -> Report:
        return self.report_of(POD)

    def report_of(self, pod: str) -> Report:
        posting = self.board.of(self.key)
        return posting.reports.get(pod, Report(0)) if posting else Report(0)


@dataclass
class Agent:
    """The process."""

    command: list[str]
    log: Path
    port: int
    local_port: int
    pod: str = POD
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator"), "POD_NAME": self.pod}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == f"listening on {LOOPBACK}:{self.port}\n", line + self.log.read_text()

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it; what it has to say last is heard meanwhile."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        self.process.send_signal(number)
        code = await asyncio.to_thread(self.process.wait, 30)
        self.over()
        return code

    def over(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


@dataclass
class Host:
    """Where an Envoy and its agent run, in a folder with their `files` and `logs`.

    Attributes:
        flush_milliseconds: How long Envoy may keep what it writes down.
    """

    gateway: Gateway
    folder: Path
    agent: Agent
    client: aiohttp.ClientSession
    envoys: list[Proxy] = field(default_factory=list)
    flush_milliseconds: int = 20

    @property
    def envoy(self) -> Proxy:
        return self.envoys[-1]

    def start_envoy(self) -> Proxy:
        """As the container does, on whatever files there are."""
        arguments = (*ARGUMENTS[:-1], str(self.flush_milliseconds))
        command = [envoy.ensure(), "-c", self.folder / "files/bootstrap.json", *arguments]
        log = self.folder / "logs/envoy.log"
        with (self.folder / "envoy.err").open("ab") as output:
            process = subprocess.Popen([*command, "--log-path", log], stdout=output, stderr=output)
        self.envoys.append(Proxy(self.gateway.admin_port, process, log))
        wait_until(self.envoy.serving, 20, "Envoy serves", every=0.01)
        return self.envoy

    def kill_envoy(self) -> None:
        self.envoy.process.kill()
        self.envoy.process.wait(10)

    def over(self) -> None:
        """End both however they stand."""
        self.agent.over()
        for each in self.envoys:
            each.process.kill()
            each.process.wait(10)

    async def probe(self, path: str) -> tuple[int, str]:
        url = f"http://{LOOPBACK}:{self.agent.port}{path}"
        async with self.client.get(url) as response:
            return response.status, await response.text()

    async def ready(self) -> bool:
        return (await self.probe("/readyz"))[0] == 200


@dataclass(kw_only=True)
class Pod(Host):
    """A gateway's pod, and everybody around it."""

    operator: Operator
    ledger: Ledger
    first: Server
    second: Server

    async def ask(self, model: str = "public-a", who: str = "public", **more: Any) -> tuple[int, str, str]:
        """Status, id of the request, text."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
        url = f"http://{LOOPBACK}:{self.gateway.listener.port}/v1/chat/completions"
        headers = {"authorization": f"Bearer {SECRETS[who]}"}
        async with self.client.post(url, json=body, headers=headers) as response:
            return response.status, response.headers.get("x-request-id", ""), await response.text()


def agent_of(gateway: Gateway, folder: Path, operator_port: int, ledger_port: int, pod: str = POD) -> Agent:
    """The agent of a gateway's pod, not started; the pod's token lies in the folder."""
    options = {
        "gateway": f"{gateway.namespace}/{gateway.name}",
        "operator": f"http://{LOOPBACK}:{operator_port}",
        "ledger": f"http://{LOOPBACK}:{ledger_port}",
        "token-file": folder / "token",
        "folder": folder / "files",
        "logs": folder / "logs",
        "host": LOOPBACK,
        "port": (port := free_port()),
        "local-port": gateway.agent_port,
        "addresses-port": gateway.addresses_port,
        "admin": f"http://{LOOPBACK}:{gateway.admin_port}",
        "settle-seconds": 0.5,
    }
    start = [sys.executable, "-m", "paceline", "gateway-agent"]
    command = [*start, *(f"--{name}={each}" for name, each in options.items())]
    return Agent(command, folder / "agent.log", port, gateway.agent_port, pod)


@contextmanager
def _made(
    folder: Path, first: Server, second: Server, client: aiohttp.ClientSession, ledger_port: int
) -> Iterator[Pod]:
    for name in ("files", "logs"):
        (folder / name).mkdir()
    (folder / "token").write_text(TOKEN)
    local = Server("agent", answer, free_port())
    log_file = str(folder / "logs/requests.jsonl")
    wanted = replace(gateway(folder, first, second, local), log_file=log_file, addresses_port=free_port())
    ledger, operator = Ledger(port=free_port()), Operator(folder / "files")
    agent = agent_of(wanted, folder, operator.port, ledger_port or ledger.port)
    pod = Pod(wanted, folder, agent, client, operator=operator, ledger=ledger, first=first, second=second)
    try:
        yield pod
    finally:
        pod.over()


@asynccontextmanager
async def a_pod(folder: Path, ledger_port: int = 0) -> AsyncIterator[Pod]:
    """Nothing is started but those around it; `ledger_port` is that of another ledger."""
    first, second = Server("first", answer), Server("second", answer)
    connector = aiohttp.TCPConnector(limit=0)
    async with serving(first, second), aiohttp.ClientSession(connector=connector) as client:
        with _made(folder, first, second, client, ledger_port) as pod:
            async with pod.ledger.serving():
                yield pod


async def brought_up(pod: Pod) -> None:
    """From nothing to serving, as the pod does."""
    pod.operator.post(pod.gateway)
    await started(pod)


async def started(pod: Host) -> None:
    """Both processes of a pod whose program is put up."""
    pod.agent.start()
    await eventually((pod.folder / "files/bootstrap.json").exists, 10, "files")
    await until_status(pod, "/started", 200)
    pod.start_envoy()
    await until_status(pod, "/readyz", 200)


async def until_status(pod: Host, path: str, status: int, seconds: float = 10) -> None:
    found: Any = None

    async def look() -> bool:
        nonlocal found
        found = await pod.probe(path)
        return bool(found[0] == status)

    await eventually(look, seconds, f"{path} {status}")
