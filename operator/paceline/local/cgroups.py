"""The cluster's cgroups: the kubelet's root, and one that holds its programs so that none is lost.

Version 1 has a tree for each controller, version 2 has one tree for all.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
#: Trees of version 1 that the kubelet and runc use.
V1 = ("cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer", "blkio", "hugetlb", "systemd")
#: What version 1 cannot do without, checked before anything is changed.
REQUIRED_V1 = ("cpu", "cpuacct", "cpuset", "memory", "pids", "devices")
REQUIRED_V2 = ("cpu", "cpuset", "memory", "pids")


def unified(root: Path = ROOT) -> bool:
    """True on version 2 machines."""
    return (root / "cgroup.controllers").exists()


def kubelet_root(name: str) -> str:
    """The kubelet's cgroupRoot; pods live below."""
    return f"/paceline-{name}"


def _trees(root: Path = ROOT) -> list[Path]:
    if unified(root):
        return [root]
    return [root / each for each in V1 if (root / each).is_dir()]


def _tracking(name: str, root: Path = ROOT) -> Path:
    # Programs are moved in one tree only, the one that limits nothing, so that they stay under
    # whatever memory or CPU limit their caller lives in.
    tree = root if unified(root) else root / "pids"
    return tree / kubelet_root(name).lstrip("/")


def create(name: str) -> None:
    """Make the folders that the kubelet expects."""
    if unified():
        hand_on(ROOT)
    for tree in _trees():
        folder = tree / kubelet_root(name).lstrip("/")
        folder.mkdir(exist_ok=True)
        if tree.name == "cpuset":
            # A new cpuset of version 1 is empty, and nothing can run in it.
            for file in ("cpuset.cpus", "cpuset.mems"):
                (folder / file).write_text((tree / file).read_text())
    if unified():
        hand_on(_tracking(name))
    programs(name).mkdir(exist_ok=True)


def hand_on(folder: Path) -> None:
    """Version 2: let the children of a cgroup have the controllers that the kubelet checks for.

    At the top this is what runc and the kubelet themselves do; it limits nothing that is there.
    """
    offered = (folder / "cgroup.controllers").read_text().split()
    control = folder / "cgroup.subtree_control"
    handed_on = control.read_text().split()
    for controller in (*REQUIRED_V2, "io", "hugetlb"):
        if controller in offered and controller not in handed_on:
            control.write_text(f"+{controller}")


def programs(name: str) -> Path:
    """Folder of the cgroup that holds the cluster's programs and shims."""
    return _tracking(name) / "programs"


def adopt(name: str, pid: int) -> None:
    """Move a program of the cluster into its cgroup; children follow."""
    try:
        (programs(name) / "cgroup.procs").write_text(str(pid))
    except ProcessLookupError:
        return


def _folders(top: Path) -> Iterator[Path]:
    for folder, _, _ in os.walk(top, topdown=False):
        yield Path(folder)


def members(name: str, below: str = "") -> list[int]:
    """Process ids in the cluster's cgroups, or in one part of them."""
    found = []
    for folder in _folders(_tracking(name) / below):
        try:
            found += [int(pid) for pid in (folder / "cgroup.procs").read_text().split()]
        except OSError:
            # Gone since it was listed, or (version 2) threaded and not to be listed by process.
            continue
    return found


def kill(name: str, below: str = "", seconds: float = 5.0) -> None:
    """SIGKILL everything in the cluster's cgroups and wait until it is gone."""
    deadline = time.monotonic() + seconds
    while pids := members(name, below):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


def folders(name: str) -> list[Path]:
    """The cluster's top folder in every tree, also in those that runc joined by itself."""
    own = kubelet_root(name).lstrip("/")
    return [folder for folder in (ROOT / own, *ROOT.glob(f"*/{own}")) if folder.is_dir()]


def remove(name: str) -> None:
    """Remove the cluster's folders in every tree. Absent ones are no error."""
    for top in folders(name):
        for folder in _folders(top):
            _remove_folder(folder)


def _remove_folder(folder: Path, seconds: float = 2.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            # Busy for a moment after its last process has gone.
            if time.monotonic() > deadline:
                return
            time.sleep(0.05)
        else:
            return
