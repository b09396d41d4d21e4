"""A cgroup of a test's own, to give one process little CPU or memory. Needs root."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paceline.local import cgroups
from tests.support.waiting import wait_until

_PERIOD_MICROSECONDS = 100_000


@dataclass(frozen=True)
class Cage:
    """Limits of the processes in it; made by `cage`.

    Attributes:
        cpu: Folder in the tree of the CPU controller.
        memory: Folder in the tree of the memory controller; the same in version 2.
    """

    cpu: Path
    memory: Path

    def hold(self, pid: int) -> None:
        """Take a process in. In version 1 what it has of memory is not counted, what it takes from now on is."""
        for folder in {self.cpu, self.memory}:
            (folder / "cgroup.procs").write_text(str(pid))

    def give_cpu(self, percent: float | None) -> None:
        """So much of one core; None: all there is."""
        quota = None if percent is None else int(_PERIOD_MICROSECONDS * percent / 100)
        if cgroups.unified():
            (self.cpu / "cpu.max").write_text(f"{'max' if quota is None else quota} {_PERIOD_MICROSECONDS}")
        else:
            (self.cpu / "cpu.cfs_period_us").write_text(str(_PERIOD_MICROSECONDS))
            (self.cpu / "cpu.cfs_quota_us").write_text(str(-1 if quota is None else quota))

    def times_throttled(self) -> int:
        """Periods in which the processes would have liked more CPU than they got."""
        words = dict(line.split() for line in (self.cpu / "cpu.stat").read_text().splitlines())
        return int(words["nr_throttled"])

    def used_memory(self) -> int:
        """Bytes."""
        file = "memory.current" if cgroups.unified() else "memory.usage_in_bytes"
        return int((self.memory / file).read_text())

    def give_memory(self, size: int) -> None:
        """So many bytes, more than are used."""
        file = "memory.max" if cgroups.unified() else "memory.limit_in_bytes"
        (self.memory / file).write_text(str(size))

    def killed_for_memory(self) -> int:
        """How many processes the kernel killed for want of memory."""
        file = "memory.events" if cgroups.unified() else "memory.oom_control"
        words = dict(line.split() for line in (self.memory / file).read_text().splitlines())
        return int(words["oom_kill"])


@contextmanager
def cage() -> Iterator[Cage]:
    """An empty one; whoever is in it must be gone when it ends."""
    name = f"paceline-test-{secrets.token_hex(4)}"
    if cgroups.unified():
        cgroups.hand_on(cgroups.ROOT)
        made = Cage(cgroups.ROOT / name, cgroups.ROOT / name)
    else:
        made = Cage(cgroups.ROOT / "cpu" / name, cgroups.ROOT / "memory" / name)
    folders = {made.cpu, made.memory}
    for folder in folders:
        folder.mkdir()
    try:
        yield made
    finally:
        for folder in folders:
            wait_until(lambda folder=folder: _removed(folder), 5, f"{folder} is empty")


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:  # busy for a moment after its last process has gone
        return False
    return True
