"""Installing a chart with the real helm program."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paceline.cli.console import fail

#: Seconds that helm may wait for what it installed to be ready.
WAIT_SECONDS = 180


class Helm:
    """The helm program for one cluster.

    Attributes:
        program: The executable.
        kubeconfig: The cluster.
    """

    def __init__(self, program: Path, kubeconfig: str) -> None:
        self.program = program
        self.kubeconfig = kubeconfig

    def install(self, release: str, chart: Path, namespace: str, values: Mapping[str, Any] | None = None) -> None:
        """Install a chart, or bring its release up to date, and wait until it is ready.

        Args:
            release: Name of the release.
            chart: Folder of the chart.
            namespace: Where to; it must exist.
            values: What differs from the chart's values.

        Raises:
            CliError: helm failed; the message has its words.
        """
        command = [str(self.program), "upgrade", "--install", release, str(chart), "--namespace", namespace]
        command += ["--values", "-", "--wait", "--timeout", f"{WAIT_SECONDS}s", "--kubeconfig", self.kubeconfig]
        done = subprocess.run(
            command,
            input=json.dumps(dict(values or {})),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HELM_DRIVER": "secret"},
        )
        if done.returncode:
            words = " ".join(done.stderr.split())[-600:]
            fail(
                f"helm could not install the chart {chart.name}: {words}", f"look: helm status {release} -n {namespace}"
            )
