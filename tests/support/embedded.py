"""The programs of an embedded cluster, and their sudden ends."""

from __future__ import annotations

import os
import signal

from paceline.local import network
from paceline.local.paths import Folders
from paceline.local.processes import Process, Processes


def processes(name: str) -> dict[str, Process]:
    """The programs of that cluster, by component."""
    return Processes(Folders.of(name), network.namespace_file(name)).recorded()


def kill(name: str, *components: str) -> None:
    """SIGKILL these programs of a cluster, or all of them."""
    for component, process in processes(name).items():
        if component in components or not components:
            os.kill(process.pid, signal.SIGKILL)
