"""The arguments of the pod's Envoy, held against the program."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from paceline.gateway import snapshot
from paceline.local import envoy
from paceline.render.gateway.pod import FILES, LOGS, pod_spec
from tests.support import gateways, neutral


def test_envoy_understands_the_arguments_that_pods_give_it(tmp_path: Path) -> None:
    program, addresses = snapshot.program(neutral.minimal(), neutral.SECRETS, {}, str(tmp_path))
    for place, text in {**program.files, **addresses}.items():
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (container,) = pod_spec(gateways.gateway(), gateways.SETUP, {})["containers"]
    words = [word.replace(FILES, str(tmp_path)).replace(LOGS, str(tmp_path)) for word in container["args"]]
    assert json.loads((tmp_path / "bootstrap.json").read_text())
    done = subprocess.run([envoy.ensure(), *words, "--mode", "validate"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
