"""Starting, recognising and stopping a cluster's long-running programs."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from paceline.local.errors import LocalError
from paceline.local.paths import Folders


@dataclass(frozen=True)
class Component:
    """One program of a cluster, as data.

    Attributes:
        name: Also the name of its log file.
        argv: Command line; the first word is a path or is looked up on PATH.
        files: Configuration files by path, written before the start.
        environment: Added to the environment.
    """

    name: str
    argv: tuple[str, ...]
    files: Mapping[Path, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Changes when the program must be started anew to follow its settings."""
        parts = [*self.argv, *self.environment.values(), *self.files.values()]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


class Process(BaseModel):
    """A started program. A process id alone is no identity, for ids are used again.

    Attributes:
        pid: Process id.
        start: Start time in clock ticks since boot, field 22 of /proc/PID/stat.
        digest: Of the component that it was started from.
    """

    model_config = ConfigDict(frozen=True)

    pid: int
    start: int
    digest: str

    @property
    def alive(self) -> bool:
        """True while this very process runs; a zombie does not."""
        _reap(self.pid)
        return start_time(self.pid) == self.start

    def send(self, number: signal.Signals) -> None:
        """Send a signal if it is still this process."""
        if self.alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


#: Seconds that a killed process may take to be gone, on a loaded machine.
_KILLED = 10.0
_RECORDS = TypeAdapter(dict[str, Process])


def start_time(pid: int) -> int | None:
    """Start time of a running process in clock ticks since boot; None if it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in parentheses and may itself hold both.
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _reap(pid: int) -> None:
    # Only matters where `up` was called in a process that lives on, as in tests.
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


class Processes:
    """The running programs of one cluster, recorded under /run.

    Args:
        folders: Of the cluster.
        namespace: Network namespace file that programs are started in.
    """

    def __init__(self, folders: Folders, namespace: Path) -> None:
        self._folders = folders
        self._namespace = namespace
        self._file = folders.run / "processes.json"

    def recorded(self) -> dict[str, Process]:
        """Everything started and not yet stopped, dead or alive."""
        try:
            return _RECORDS.validate_json(self._file.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}

    def alive(self, name: str) -> bool:
        """Whether that component runs."""
        process = self.recorded().get(name)
        return process is not None and process.alive

    def current(self, component: Component) -> bool:
        """Whether it runs, and with these very settings."""
        process = self.recorded().get(component.name)
        return process is not None and process.digest == component.digest and process.alive

    def _save(self, records: dict[str, Process]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_bytes(_RECORDS.dump_json(records))
        new.replace(self._file)

    def start(self, component: Component) -> Process:
        """Start it in the cluster's network namespace, in a session of its own.

        nsenter rather than `ip netns exec`: the latter mounts a new /sys, and the kubelet would see no cgroups.

        Raises:
            LocalError: the program is not there.
        """
        program = shutil.which(component.argv[0])
        if program is None:
            raise LocalError(f"{component.argv[0]} is not installed.", "Install it and try again.")
        for path, text in component.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._folders.logs.mkdir(parents=True, exist_ok=True)
        log = self._folders.logs / f"{component.name}.log"
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        pid = os.posix_spawnp(
            "nsenter",
            ["nsenter", f"--net={self._namespace}", "--", program, *component.argv[1:]],
            {**os.environ, **component.environment},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        process = Process(pid=pid, start=start_time(pid) or 0, digest=component.digest)
        self._save({**self.recorded(), component.name: process})
        return process

    def stop(self, *names: str, grace: float = 5.0) -> None:
        """Stop components together: SIGTERM, then SIGKILL when `grace` seconds are over. Unknown names are no error."""
        records = self.recorded()
        doomed = [records[name] for name in names if name in records]
        for process in doomed:
            process.send(signal.SIGTERM)
        if not _gone(doomed, grace):
            for process in doomed:
                process.send(signal.SIGKILL)
            _gone(doomed, _KILLED)
        self._save({name: process for name, process in records.items() if name not in names})


def _gone(processes: list[Process], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(process.alive for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
