"""A simulated engine for component tests: in this event loop, or as a process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from openai import AsyncOpenAI, OpenAI

from paceline.enginesim import faults, server
from paceline.enginesim.config import Config
from paceline.sim import calibration
from paceline.sim.calibration import Calibration

REPO = Path(__file__).parents[2]
MODEL = "test-model"


@dataclass
class Running:
    """A server that listens."""

    url: str
    truth: Path
    stop: asyncio.Event | None = None
    process: subprocess.Popen[str] | None = None

    def client(self, **options: Any) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, **options)

    def sync_client(self) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0)

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=30)

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.truth.read_text().splitlines()]


@asynccontextmanager
async def in_loop(
    truth: Path,
    *,
    faults_wanted: tuple[str, ...] = (),
    engine: Calibration | None = None,
    ready: bool = True,
    **changed: Any,
) -> AsyncIterator[Running]:
    """Serve in the running event loop, ten times as fast as an H100, and end at once unless told to drain."""
    settings: dict[str, Any] = {"load_seconds": 0.0, "time_scale": 0.1, "drain_seconds": 0.05} | changed
    config = Config(
        calibration=engine or calibration.load("llama-3-8b-h100"),
        served_name=MODEL,
        host="127.0.0.1",
        port=0,
        truth_log=truth,
        faults=faults.parse(faults_wanted),
        **settings,
    )
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    task = asyncio.create_task(server.serve(config, stop, port.set_result))
    running = Running(f"http://127.0.0.1:{await port}", truth, stop)
    try:
        if ready:
            async with running.http() as http:
                await _until_healthy(http)
        yield running
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            assert await task == 0


async def _until_healthy(http: httpx.AsyncClient, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while (await http.get("/health")).status_code != 200:
        assert time.monotonic() < deadline, "the server did not get healthy in time"
        await asyncio.sleep(0.01)


@contextmanager
def process(truth: Path, *arguments: str, ready: bool = True) -> Iterator[Running]:
    """Run `paceline engine-sim` as a process."""
    command = [sys.executable, "-m", "paceline", "engine-sim", "--host", "127.0.0.1", "--port", "0"]
    command += ["--served-name", MODEL, "--truth-log", str(truth), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPO / "operator")}
    # In a file, because nobody reads a pipe: once it is full, the engine stands still.
    log = truth.with_suffix(".log")
    with (
        log.open("ab") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment) as started,
    ):
        try:
            assert started.stdout is not None
            line = started.stdout.readline()
            assert line.startswith("listening on "), line + log.read_text()
            running = Running(f"http://127.0.0.1:{line.strip().rsplit(':', 1)[1]}", truth, process=started)
            if ready:
                _until_ready(running)
            yield running
        finally:
            if started.poll() is None:
                started.send_signal(signal.SIGKILL)


def _until_ready(running: Running, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while httpx.get(f"{running.url}/health").status_code != 200:
        assert time.monotonic() < deadline, "the server did not get ready in time"
        time.sleep(0.02)
