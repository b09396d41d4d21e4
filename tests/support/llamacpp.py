"""The real llama-server as a process, started as the plan of a ModelDeployment says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from openai import OpenAI

from paceline.engines.base import EnginePlan
from paceline.local import llamaserver
from tests.support import models
from tests.support.ports import free_port
from tests.support.waiting import wait_until

FILE = "tiny.gguf"
LOCALHOST = "127.0.0.1"
#: Seconds without a token after which an answer has stopped.
_SILENCE = 5


def plan(spec: Mapping[str, Any] | None = None) -> EnginePlan:
    """Of a ModelDeployment with a GGUF file on a volume."""
    about = {"model": {"uri": "pvc://models/tiny", "file": FILE}, "hardware": {"profile": "cpu"}}
    md = models.model(models.merged(about, spec or {}))
    return models.plan(md, models.hardware(name="cpu"))


@dataclass(frozen=True)
class Running:
    """A process that answers.

    Attributes:
        plan: How it was started, but for the paths and the address, which are this machine's.
    """

    plan: EnginePlan
    url: str
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30)

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        return httpx.post(self.url + path, json=body, timeout=30)

    def client(self) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0)

    @contextmanager
    def endless(self) -> Iterator[Iterator[str]]:
        """The lines of a streamed answer of tens of thousands of tokens, the first of which has come."""
        body = {
            "model": self.plan.served_name, "prompt": "ping", "max_tokens": 30000, "stream": True, "ignore_eos": True,
        }  # fmt: skip
        with httpx.stream("POST", f"{self.url}/v1/completions", json=body, timeout=_SILENCE) as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("data: ")
            yield lines

    def ready(self) -> bool:
        assert self.process.poll() is None, f"llama-server ended with {self.process.returncode}"
        try:
            return self.get(self.plan.probes.readiness.path).status_code == 200
        except httpx.TransportError:
            return False


def command(made: EnginePlan, model: Path, port: int, paths: Mapping[str, str]) -> list[str]:
    """The plan's command line, with the program, the files, the address and the port of this machine."""
    assert made.command == (f"/app/{llamaserver.NAME}",)
    here = {f"/models/base/{FILE}": str(model), "0.0.0.0": LOCALHOST, str(made.port): str(port)}  # noqa: S104
    here |= paths
    return [str(llamaserver.ensure()), *(here.get(each, each) for each in made.args)]


@contextmanager
def running(made: EnginePlan, model: Path, log: Path, paths: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Start it, wait until its readiness probe would succeed, end it.

    Args:
        made: Its plan.
        model: The file that it serves.
        log: Where it writes to.
        paths: Other files of the plan, and where they are on this machine.
    """
    port = free_port()
    words = command(made, model, port, paths or {})
    with log.open("wb") as file, subprocess.Popen(words, stderr=file, stdout=file) as process:
        server = Running(made, f"http://{LOCALHOST}:{port}", process)
        try:
            wait_until(server.ready, 60, f"llama-server is ready; {log.name}: {log.read_text()[-2000:]}")
            yield server
        finally:
            process.kill()
