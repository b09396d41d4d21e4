"""`paceline operator` as a process of the test: configured, started, killed, stopped and read by its own pid."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.support.ports import free_port
from tests.support.tree import ROOT
from tests.support.waiting import wait_until

#: Pods of this profile find no node, so they cost nothing: for tests of the operator rather than of models.
NOWHERE = {"name": "nowhere", "nodeSelector": {"paceline.dev/test": "nowhere"}}
SIM = {"name": "sim", "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}}}

_STOP_SECONDS = 5.0


def configuration(*namespaces: str, **changes: Any) -> dict[str, Any]:
    """A configuration with a short Lease and a short resync; the Lease is in the first namespace."""
    return {
        "watch": {"mode": "Namespaced", "namespaces": list(namespaces)},
        "leaderElection": {
            "leaseNamespace": namespaces[0],
            "leaseDurationSeconds": 4,
            "renewDeadlineSeconds": 3,
            "retryPeriodSeconds": 1,
        },
        "resyncSeconds": 5,
        "probe": {"intervalSeconds": 2, "timeoutSeconds": 2},
        "profiles": [NOWHERE, SIM],
        **changes,
    }


class OperatorProcess:
    """One operator.

    Args:
        folder: For its files; made if need be.
        settings: Content of its configuration file.
        kubeconfig: How it reaches the API server.
        identity: In the Lease; kept over a restart, as that of a pod whose container is restarted.
        measured: False: without coverage, which slows it down, and which SIGKILL loses anyway.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, Any], kubeconfig: Path, identity: str = "", *, measured: bool = True
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        kept = (name for name in os.environ if measured or not name.startswith("COVERAGE_"))
        self._environment = {name: os.environ[name] for name in kept}
        self.identity = identity or f"operator-{secrets.token_hex(3)}"
        self._kubeconfig = kubeconfig
        self._config = folder / "config.yaml"
        self._log = folder / "operator.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._ports = (free_port(), free_port())
        self.configure(settings)

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Write the configuration file as a mounted ConfigMap changes: whole, at once."""
        fresh = self._config.with_suffix(".new")
        fresh.write_text(yaml.safe_dump(dict(settings)))
        fresh.replace(self._config)

    def start(self) -> None:
        """Start it; `ready` waits for more."""
        metrics, health = self._ports
        command = [sys.executable, "-m", "paceline", "operator", "--config", str(self._config)]
        command += ["--kubeconfig", str(self._kubeconfig), "--identity", self.identity]
        command += ["--metrics-port", str(metrics), "--health-port", str(health)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=self._environment)

    def ready(self, seconds: float = 40) -> None:
        """Wait until its cache is filled."""
        wait_until(lambda: self.alive and self.get("/readyz") == 200, seconds, f"{self.identity} is ready: {self.tail}")

    def leads(self) -> bool:
        """Whether it holds the Lease, in its own words."""
        return self.metric("paceline_leader") == 1.0

    @property
    def alive(self) -> bool:
        """Whether the process of the last start still runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, "it was never started"
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL."""
        process = self._process  # of this moment: another thread may start the next one as soon as this one is dead
        if process is not None:
            process.kill()
            process.wait()

    def freeze(self) -> None:
        """SIGSTOP: it stands still and does not know it."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM, at most 5 s; its exit code."""
        assert self._process is not None, "it was never started"
        self._process.terminate()
        return self._process.wait(timeout=_STOP_SECONDS)

    def get(self, path: str) -> int:
        """Status that its health port answers; 0 for no answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._ports[1]}{path}", timeout=2) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def page(self) -> str:
        """Its metrics as Prometheus reads them; empty for no answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._ports[0]}/metrics", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def metric(self, series: str) -> float:
        """Value of a series as its page writes it; 0 where it is not there."""
        lines = self.page().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} ")), 0.0)

    @property
    def output(self) -> str:
        """All that it wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    @property
    def tail(self) -> str:
        """The end of what it wrote, for failures."""
        return self.output[-2000:]

    def lines(self) -> list[dict[str, str]]:
        """Its log; each line is JSON, or this fails."""
        return [json.loads(line) for line in self.output.splitlines()]


@contextmanager
def operating(
    folder: Path, settings: Mapping[str, Any], kubeconfig: Path, identity: str = ""
) -> Iterator[OperatorProcess]:
    """A running operator, killed afterwards."""
    operator = OperatorProcess(folder, settings, kubeconfig, identity)
    operator.start()
    try:
        operator.ready()
        yield operator
    finally:
        operator.kill()
