"""Envoy with the gateway's own files, and servers that write down what reaches them."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web

from paceline.gateway import envoy
from paceline.gateway.envoy.endpoints import by_file
from paceline.gateway.ir import Gateway
from paceline.local import envoy as program
from tests.support.addresses import streaming
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from tests.support.worlds import eventually

LOOPBACK = "127.0.0.1"
#: One warning for each key that Envoy reads would hide everything else: its key filter is marked as work in progress.
ARGUMENTS = (
    *("--concurrency", "1", "--disable-hot-restart", "--reject-unknown-dynamic-fields"),
    *("--log-level", "warn", "--component-log-level", "misc:error", "--file-flush-interval-msec", "20"),
)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at."""
    return [free_port() for _ in range(count)]


#: The counter of each file that Envoy looks at again.
_LOOKS = {
    "cds.json": "cluster_manager.cds.update_attempt",
    "rds.json": "http.gateway.rds.gateway.update_attempt",
    "deny.json": "extension_config_discovery.http_filter.deny.config_reload",
    "limit-requests.json": "extension_config_discovery.http_filter.limit-requests.config_reload",
    "limit-tokens.json": "extension_config_discovery.http_filter.limit-tokens.config_reload",
}


@dataclass
class Files:
    """A folder with everything that Envoy reads."""

    folder: Path

    def write(self, documents: Mapping[str, Any]) -> set[str]:
        """Replace files as the agent does, by renaming; returns the names of those that are others now."""
        changed = set()
        for name, document in documents.items():
            path = self.folder / name
            text = document if isinstance(document, str) else json.dumps(document, indent=1)
            if path.exists() and path.read_text() == text:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(".new")
            new.write_text(text)
            new.rename(path)
            changed.add(name)
        return changed

    def put(self, gateway: Gateway, secrets: Mapping[str, str]) -> set[str]:
        self.write(envoy.scripts())
        return self.write(envoy.documents_of(gateway, secrets, str(self.folder)))


@dataclass
class Proxy:
    """An Envoy."""

    admin_port: int
    process: subprocess.Popen[bytes]
    log: Path

    def admin(self, path: str) -> str:
        return httpx.get(f"http://{LOOPBACK}:{self.admin_port}{path}", timeout=5).text

    def serving(self) -> bool:
        try:
            return self.admin("/ready").strip() == "LIVE"
        except httpx.HTTPError:
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            return False

    def rejected(self) -> list[str]:
        """Counters of what Envoy refused to take, and of scripts that failed."""
        lines = self.admin(
            "/stats?filter=(update_rejected|config_fail|create_failure|lua.*error)&usedonly"
        ).splitlines()
        return [line for line in lines if not line.endswith(": 0")]


@contextmanager
def started(folder: Path, admin_port: int, log: Path) -> Iterator[Proxy]:
    """Start Envoy on the files of a folder, and end it."""
    command = [program.ensure(), "-c", folder / "bootstrap.json", *ARGUMENTS]
    with log.open("wb") as output, subprocess.Popen(command, stderr=output, stdout=output) as process:
        try:
            found = Proxy(admin_port, process, log)
            wait_until(found.serving, 20, "Envoy serves", every=0.02)
            yield found
        finally:
            process.kill()


@dataclass
class Running:
    """A gateway that is served."""

    gateway: Gateway
    secrets: dict[str, str]
    files: Files
    proxy: Proxy

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.gateway.listener.port}"

    def change(self, gateway: Gateway) -> None:
        """Serve another gateway, and wait until Envoy has looked at every file that is another now."""
        self.gateway = gateway
        before = self.looks()
        changed = self.files.put(gateway, self.secrets)
        waited = {name for name in _LOOKS if name in changed}
        wait_until(lambda: all(self.looks()[name] > before[name] for name in waited), 15, f"{waited} taken", every=0.01)

    def looks(self) -> dict[str, int]:
        """How often Envoy has looked at a file."""
        text = self.proxy.admin("/stats?filter=(update_attempt|config_reload)$")
        counters = dict(line.split(": ") for line in text.splitlines())
        return {name: int(counters.get(counter, 0)) for name, counter in _LOOKS.items()}

    def records(self) -> list[dict[str, Any]]:
        path = Path(self.gateway.log_file)
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    async def record(self, request_id: str, kind: str = "DownstreamEnd") -> dict[str, Any]:
        """The record of a request, which comes a little after its end."""

        def look() -> dict[str, Any] | None:
            return next((each for each in self.records() if (each["id"], each["type"]) == (request_id, kind)), None)

        found: dict[str, Any] = await eventually(look, 5, f"{kind} of {request_id}")
        return found


@contextmanager
def running(gateway: Gateway, secrets: dict[str, str], folder: Path) -> Iterator[Running]:
    """Serve a gateway; Envoy must have taken every file, and no script failed."""
    files = Files(folder / "files")
    stack = ExitStack()
    if not by_file(gateway):
        gateway = replace(gateway, addresses_port=free_ports(1)[0])
        stack.enter_context(streaming(files.folder, gateway.addresses_port))
    files.put(gateway, secrets)
    with stack, started(files.folder, gateway.admin_port, folder / "envoy.log") as proxy:
        yield Running(gateway, secrets, files, proxy)
        assert not proxy.rejected(), proxy.log.read_text()[-4000:]


def validate(bootstrap: Mapping[str, Any], folder: Path) -> str:
    """What Envoy says against a configuration; "" when it is right."""
    path = folder / "validate.json"
    path.write_text(json.dumps(bootstrap))
    command = [program.ensure(), "--mode", "validate", "-c", path, *ARGUMENTS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


Handler = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """A server of models, and the truth of what reached it."""

    name: str
    handler: Handler
    port: int = 0
    tls: ssl.SSLContext | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        headers = [(name.lower(), value) for name, value in request.headers.items()]
        self.seen.append({"path": request.path_qs, "headers": headers, "raw": raw, "body": body})
        return await self.handler(request, body)


@asynccontextmanager
async def serving(*servers: Server) -> AsyncIterator[None]:
    """Servers on loopback, each at a port of its own."""
    runners = []
    for server in servers:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", server.handle)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, LOOPBACK, server.port, ssl_context=server.tls)
        await site.start()
        server.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        runners.append(runner)
    try:
        yield
    finally:
        await asyncio.gather(*(each.cleanup() for each in runners))
