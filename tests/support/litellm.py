"""LiteLLM's proxy, which the gateway is compared with, in an environment of its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from paceline.local import locks
from paceline.local.paths import cache_root
from tests.support.envoy import LOOPBACK
from tests.support.ports import free_port
from tests.support.tree import ROOT
from tests.support.waiting import wait_until

REQUIREMENTS = ROOT / "requirements" / "litellm.txt"
MASTER_KEY = "sk-not-a-real-key-of-a-bench"


def ensure() -> Path:
    """Its program, installed on first use (700 MB)."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    folder = cache_root() / "litellm" / digest
    program = folder / "bin" / "litellm"
    if not program.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locks.held(folder.with_suffix(".lock"), "installing LiteLLM"):
            if not program.exists():
                venv.create(folder, with_pip=True)
                options = ("--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--require-hashes")
                command = [str(folder / "bin" / "python"), "-m", "pip", "install", *options, "-r", str(REQUIREMENTS)]
                subprocess.run(command, check=True)
    return program


@contextmanager
def serving(folder: Path, model: str, port: int) -> Iterator[tuple[int, int]]:
    """One worker before an OpenAI-compatible server; gives its port and process id.

    Its master key is all that lets anybody in: keys and budgets of its own need a database client that is no package of
    Python.
    """
    upstream = {"model": f"openai/{model}", "api_base": f"http://{LOOPBACK}:{port}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": model, "litellm_params": upstream}],
        "general_settings": {"master_key": MASTER_KEY},
        "litellm_settings": {"telemetry": False, "num_retries": 0},
    }
    path, listening = folder / "litellm.yaml", free_port()
    path.write_text(yaml.safe_dump(config))
    command = [str(ensure()), "--config", str(path), "--host", LOOPBACK, "--port", str(listening), "--num_workers", "1"]
    # Prices come with the package; nothing is to be fetched.
    own = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "PATH": os.environ["PATH"]}
    own |= {"HOME": str(folder), "PYTHONUNBUFFERED": "1"}
    with (folder / "litellm.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=own, cwd=folder)
    try:
        url = f"http://{LOOPBACK}:{listening}/health/liveliness"
        wait_until(lambda: _answers(url, process, folder), 180, "LiteLLM serves", every=0.5)
        yield listening, process.pid
    finally:
        process.kill()
        process.wait()


def _answers(url: str, process: subprocess.Popen[bytes], folder: Path) -> bool:
    assert process.poll() is None, (folder / "litellm.log").read_text()[-3000:]
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
