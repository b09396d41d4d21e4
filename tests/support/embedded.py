"""The programs of an embedded cluster, and their sudden ends."""

from __future__ import annotations

import os
import signal

from paceline.local import network
from paceline.local.paths import Folders
from paceline.local.processes import Process, Processes
from tests.support.waiting import wait_until


def processes(name: str) -> dict[str, Process]:
    """The programs of that cluster, by component."""
    return Processes(Folders.of(name), network.namespace_file(name)).recorded()


def kill(name: str, *components: str) -> None:
    """SIGKILL these programs of a cluster, or all of them, and wait until they are gone: `up` would find them alive."""
    doomed = [each for component, each in processes(name).items() if component in components or not components]
    for process in doomed:
        os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not any(process.alive for process in doomed), 10, "they are gone", every=0.02)
