"""Taking a cluster down so that nothing of it is left, whatever state it is in."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from paceline.local import cgroups, kernel, mounts, network, state
from paceline.local.node import network_name
from paceline.local.paths import RUN_ROOT, Folders
from paceline.local.processes import Processes

_POD_LOG_LINKS = Path("/var/log/containers")
_CNI_RESULTS = Path("/var/lib/cni/results")


def stop(folders: Folders) -> None:
    """Stop every process of the cluster and take away what holds only while they run.

    The state folder stays. Everything is found by what the kernel knows (cgroups, mounts,
    namespaces), so a lost process record loses nothing. Nobody is asked to end well: what they
    would tidy up goes anyway, and etcd's data is as safe as it gets without fsync.
    """
    name = folders.name
    processes = Processes(folders, network.namespace_file(name))
    # The kubelet before its pods, or it would start them anew.
    processes.stop("kubelet", grace=0)
    cgroups.kill(name, "kubepods")
    processes.stop(*processes.recorded(), grace=0)
    shims = _shim_sockets(folders)
    cgroups.kill(name)
    for socket in shims:
        socket.unlink(missing_ok=True)
    mounts.remove_below(folders.state, folders.run)
    network.remove(name)
    cgroups.remove(name)
    _remove_strays(folders)
    # Killed pods gave no address back.
    shutil.rmtree(folders.state / "pod-addresses", ignore_errors=True)
    if not mounts.below(folders.run):
        shutil.rmtree(folders.run, ignore_errors=True)


def remove(folders: Folders) -> None:
    """Stop the cluster and remove its state; with the last one, the kernel settings go back to what they were."""
    stop(folders)
    # Never through a mount that would not go: behind it may be files of the host.
    if not mounts.below(folders.state):
        shutil.rmtree(folders.state, ignore_errors=True)
    with state.lock_all():
        if not any(path.is_dir() for path in RUN_ROOT.glob("*")):
            kernel.restore()
            with suppress(OSError):  # absent, or in use again by now
                RUN_ROOT.rmdir()


def _shim_sockets(folders: Folders) -> list[Path]:
    """Sockets of shims, which containerd keeps outside its own folders."""
    found = []
    for file in (folders.run / "containerd").glob("io.containerd.runtime.v2.task/*/*/address"):
        address = file.read_text().strip().removeprefix("unix://")
        if address.startswith("/"):
            found.append(Path(address))
    return found


def _remove_strays(folders: Folders) -> None:
    """What kubelet and libcni leave in folders that cannot be moved."""
    if _POD_LOG_LINKS.is_dir():
        for link in _POD_LOG_LINKS.iterdir():
            if link.is_symlink() and os.readlink(link).startswith(f"{folders.logs}/"):
                link.unlink(missing_ok=True)
    own = re.compile(re.escape(network_name(folders.name)) + r"-[0-9a-f]{64}-\S+")
    if _CNI_RESULTS.is_dir():
        for file in _CNI_RESULTS.iterdir():
            if own.fullmatch(file.name):
                file.unlink(missing_ok=True)


def leftovers(folders: Folders) -> list[str]:
    """What of a cluster can still be found on this machine, in words; empty after `remove`."""
    name = folders.name
    found = [f"process {pid}" for pid in cgroups.members(name)]
    found += [f"cgroup {folder}" for folder in cgroups.folders(name)]
    if network.namespace_file(name).exists():
        found.append(f"network namespace {network.namespace_name(name)}")
    if Path("/sys/class/net", network.host_end(name)).exists():
        found.append(f"network link {network.host_end(name)}")
    found += [f"mount {point}" for point in mounts.below(folders.state, folders.run)]
    found += [f"folder {folder}" for folder in (folders.state, folders.run) if folder.exists()]
    return found
