"""A real Prometheus, from Debian's package: unpacked into the cache, never installed, so that no service starts."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from paceline.local import locks
from paceline.local.paths import cache_root
from tests.support.ports import free_port
from tests.support.waiting import wait_until

_FETCH_SECONDS = 240


def folder() -> Path:
    """The folder with `prometheus` and `promtool`, fetched on first use (19 MB)."""
    if found := shutil.which("prometheus"):
        return Path(found).parent
    if not shutil.which("apt-get"):
        pytest.skip("there is no prometheus on the PATH, and no apt-get that brings it")
    root = cache_root() / "prometheus"
    programs = root / "usr" / "bin"
    if not (programs / "prometheus").exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        with locks.held(root.with_suffix(".lock"), "fetching prometheus"):
            if not (programs / "prometheus").exists():
                _fetch(root)
    return programs


def _fetch(root: Path) -> None:
    part = root.with_suffix(f".{os.getpid()}")
    part.mkdir()
    download = ("apt-get", "download", "-qq", "prometheus")
    done = _run(*download, cwd=part)
    if done.returncode:
        _run("apt-get", "update", "-qq", cwd=part)  # a bare machine has no lists of packages
        done = _run(*download, cwd=part)
    assert done.returncode == 0, done.stderr
    (package,) = part.glob("*.deb")
    done = _run("dpkg-deb", "-x", package.name, ".", cwd=part)
    assert done.returncode == 0, done.stderr
    package.unlink()
    part.rename(root)


def _run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS)


@dataclass(frozen=True)
class Target:
    """What is scraped.

    Attributes:
        address: Host and port.
        labels: Those that a cluster's Prometheus would set: job, namespace, pod.
        tls: It speaks HTTPS, with a certificate for a name in the cluster.
    """

    address: str
    labels: Mapping[str, str]
    tls: bool = False


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=10).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        return list(answer["data"]["result"])

    def rules(self) -> list[dict[str, Any]]:
        """All alerting rules, with their state and health."""
        groups = httpx.get(f"{self.url}/api/v1/rules", timeout=10).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def down(self) -> list[str]:
        """Targets that are not scraped, with the reason."""
        targets = httpx.get(f"{self.url}/api/v1/targets", timeout=10).json()["data"]["activeTargets"]
        return [
            f"{each['scrapeUrl']}: {each['lastError'] or each['health']}" for each in targets if each["health"] != "up"
        ]


@contextmanager
def prometheus(where: Path, targets: Sequence[Target], rules: Sequence[Path] = ()) -> Iterator[Prometheus]:
    """Run one that scrapes each second.

    Args:
        where: For its files; empty.
        targets: What is scraped.
        rules: Files with groups of rules.
    """
    scrapes = [
        {
            "job_name": f"{number}-{target.labels['job']}",
            "scheme": "https" if target.tls else "http",
            "tls_config": {"insecure_skip_verify": True},
            "static_configs": [{"targets": [target.address], "labels": dict(target.labels)}],
        }
        for number, target in enumerate(targets)
    ]
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rule) for rule in rules],
        "scrape_configs": scrapes,
    }
    (where / "prometheus.yaml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [str(folder() / "prometheus"), f"--config.file={where}/prometheus.yaml"]
    command += [f"--storage.tsdb.path={where}/data", f"--web.listen-address={address}", "--log.level=warn"]
    with (where / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_until(lambda: _ready(address), 30, f"Prometheus is ready: {where / 'log'}", every=0.2)
            yield Prometheus(f"http://{address}")
        finally:
            process.terminate()
            process.wait(timeout=10)


def _ready(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/-/ready", timeout=2).status_code == 200
    except httpx.TransportError:
        return False
