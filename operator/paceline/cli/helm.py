"""Installing a chart with the real helm program."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from paceline.cli.cluster import Cluster
from paceline.cli.console import fail, hint

#: Seconds that helm may wait for what it installed to be ready.
WAIT_SECONDS = 180

#: What helm says where an earlier run did not come to its end, and the Secrets in which it remembers such a run.
LOCKED = "another operation (install/upgrade/rollback) is in progress"
PENDING = "owner=helm,name={},status in (pending-install,pending-upgrade,pending-rollback)"


class Helm:
    """The helm program for one cluster.

    Attributes:
        program: The executable.
        kubeconfig: The cluster.
        say: Takes a remark for the user.
    """

    def __init__(self, program: Path, kubeconfig: str, say: Callable[[str], None] = hint) -> None:
        self.program = program
        self.kubeconfig = kubeconfig
        self.say = say

    def install(self, release: str, chart: Path, namespace: str, values: Mapping[str, Any] | None = None) -> None:
        """Install a chart, or bring its release up to date, and wait until it is ready.

        Where an interrupted run keeps helm from starting, that run is forgotten first; nothing is uninstalled.

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
        done = _run(command, values)
        if done.returncode and LOCKED in done.stderr and self._forget(release, namespace):
            done = _run(command, values)
        if done.returncode:
            words = " ".join(done.stderr.split())[-600:]
            fail(
                f"helm could not install the chart {chart.name}: {words}", f"look: helm status {release} -n {namespace}"
            )

    def _forget(self, release: str, namespace: str) -> bool:
        """Delete helm's record of a run of this release that did not come to its end; False where there is none."""
        cluster = Cluster.connect(kubeconfig=self.kubeconfig)
        secrets = f"/api/v1/namespaces/{namespace}/secrets"
        found = cluster.items(secrets, labelSelector=PENDING.format(release))
        for each in found:
            metadata = each["metadata"]
            self.say(
                f"an earlier helm run of {release} was interrupted ({metadata['labels']['status']}), or another one "
                f"still runs: deleting its record, Secret {namespace}/{metadata['name']}, and trying again"
            )
            cluster.delete(f"{secrets}/{metadata['name']}", metadata["resourceVersion"])
        return bool(found)


def _run(command: list[str], values: Mapping[str, Any] | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        input=json.dumps(dict(values or {})),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HELM_DRIVER": "secret"},
    )
