"""Whether this machine can run the embedded cluster, found out before anything is changed."""

from __future__ import annotations

import os
import platform
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paceline.local import cgroups, kernel
from paceline.local.errors import LocalError
from paceline.local.paths import RUN_ROOT, state_root

_KIND = "Use kind where there is Docker (deploy/kind/README.md), or any other cluster through KUBECONFIG."
_NETLINK_NETFILTER = 12
#: nfnetlink subsystem 10 (nf_tables), message 16 (get generation): answered wherever nftables works.
_GET_GENERATION = 10 << 8 | 16


@dataclass(frozen=True)
class Machine:
    """Facts that decide; gathered by `look`, made up in tests.

    Attributes:
        system: As Python names it, such as "linux".
        architecture: As the kernel names it, such as "x86_64".
        user: Effective user id.
        overlay: overlayfs can be mounted where the clusters' state is.
        namespaces: Network and mount namespaces can be made.
        nftables: The kernel answers nf_tables requests.
        missing_controllers: cgroup controllers that are needed and not there.
        read_only_cgroups: The cgroup tree cannot be written, as in most containers.
        lacks_delegation: cgroup version 2 inside a container that may not hand controllers on.
        links: Virtual network links can be made.
        other_kubelet: A kubelet that is not a local cluster's serves its socket for device plugins.
    """

    system: str
    architecture: str
    user: int
    overlay: bool = True
    namespaces: bool = True
    nftables: bool = True
    missing_controllers: tuple[str, ...] = ()
    read_only_cgroups: bool = False
    lacks_delegation: bool = False
    links: bool = True
    other_kubelet: bool = False

    @classmethod
    def look(cls) -> Machine:
        """Find out about this one. Kernel features are tried only as root on Linux, in namespaces that vanish."""
        basic = cls(sys.platform, platform.machine(), os.geteuid() if hasattr(os, "geteuid") else -1)
        if basic.system != "linux" or basic.user != 0:
            return basic
        return cls(
            basic.system,
            basic.architecture,
            basic.user,
            overlay=_overlay_mounts(state_root()),
            namespaces=_tried("--net", "--mount", "true"),
            nftables=_nftables_answers(),
            missing_controllers=missing_controllers(cgroups.ROOT),
            read_only_cgroups=read_only(cgroups.ROOT),
            lacks_delegation=lacks_delegation(cgroups.ROOT),
            links=_links_are_made(),
            other_kubelet=not (RUN_ROOT / "kernel.json").exists() and _answers(kernel.PLUGINS / "kubelet.sock"),
        )


def _tried(*arguments: str) -> bool:
    try:
        return subprocess.run(["unshare", *arguments], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _overlay_mounts(folder: Path) -> bool:
    """Try it where containers' files will be: a folder that is itself on overlayfs cannot hold another one."""
    while not folder.exists():
        folder = folder.parent
    steps = "cd $0 && mkdir l u w m && mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m"
    with tempfile.TemporaryDirectory(dir=folder, prefix=".paceline-") as trial:
        # In a mount namespace that ends with the command.
        return _tried("--mount", "--propagation", "private", "sh", "-c", steps, trial)


def _nftables_answers() -> bool:
    header = struct.pack("=IHHII", 20, _GET_GENERATION, 1, 1, 0) + struct.pack("=BBH", 0, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as link:
            link.settimeout(2)
            link.send(header)
            kind: int = struct.unpack("=H", link.recv(4096)[4:6])[0]
    except OSError:
        return False
    return kind >> 8 == 10  # an error would be of kind 2


def _links_are_made() -> bool:
    # Without iproute2 it cannot be tried yet; that package is installed later.
    trial = "! command -v ip >/dev/null || ip link add one type veth peer name other"
    return _tried("--net", "sh", "-c", trial)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        return link.connect_ex(str(path)) == 0


def missing_controllers(root: Path) -> tuple[str, ...]:
    """Needed cgroup controllers that the tree at `root` does not offer."""
    if cgroups.unified(root):
        offered = (root / "cgroup.controllers").read_text().split()
        return tuple(each for each in cgroups.REQUIRED_V2 if each not in offered)
    return tuple(each for each in cgroups.REQUIRED_V1 if not (root / each / "cgroup.procs").exists())


def read_only(root: Path) -> bool:
    """Whether the tree at `root` refuses even root, being mounted read-only."""
    tree = root if cgroups.unified(root) else root / "pids"
    return not os.access(tree, os.W_OK)


def lacks_delegation(root: Path) -> bool:
    """Version 2: whether the top is no real root, holds processes, and so cannot hand controllers on."""
    if not cgroups.unified(root) or not (root / "cgroup.type").exists():
        return False
    handed_on = (root / "cgroup.subtree_control").read_text().split()
    occupied = bool((root / "cgroup.procs").read_text().strip())
    return occupied and any(each not in handed_on for each in cgroups.REQUIRED_V2)


#: In order: the first that is true is what the user reads.
_CHECKS: tuple[tuple[Callable[[Machine], bool], str, str], ...] = (
    (lambda m: m.system != "linux", "The embedded cluster needs Linux, and this is {m.system}.", _KIND),
    (
        lambda m: m.architecture not in {"x86_64", "aarch64"},
        "The embedded cluster is made for x86_64 and aarch64, and this machine is {m.architecture}.",
        _KIND,
    ),
    (
        lambda m: m.user != 0,
        "The embedded cluster needs root for namespaces, mounts and cgroups, and this is user {m.user}.",
        "Run it with sudo, or use kind where there is Docker (deploy/kind/README.md).",
    ),
    (
        lambda m: not m.namespaces,
        "This machine does not let root make network and mount namespaces (an unprivileged container?).",
        _KIND,
    ),
    (
        lambda m: not m.overlay,
        "overlayfs, which containers are made of, cannot be mounted in the state folder.",
        "Set XDG_STATE_HOME to a folder on ext4 or xfs, or use kind where there is Docker (deploy/kind/README.md).",
    ),
    (
        lambda m: not m.nftables,
        "nftables, which Services are made of, cannot be used here (kernel module nf_tables).",
        _KIND,
    ),
    (
        lambda m: bool(m.missing_controllers),
        "The cgroup controllers {controllers} are missing under /sys/fs/cgroup.",
        _KIND,
    ),
    (lambda m: m.read_only_cgroups, "The cgroup tree under /sys/fs/cgroup is read-only, as in a container.", _KIND),
    (lambda m: not m.links, "The kernel cannot make veth links, which pods are connected by.", _KIND),
    (
        lambda m: m.other_kubelet,
        "This machine is a node of another cluster already: its kubelet answers under /var/lib/kubelet.",
        _KIND,
    ),
    (
        lambda m: m.lacks_delegation,
        "The top cgroup holds processes and hands no controllers on, as in a container.",
        _KIND,
    ),
)


def problem(machine: Machine) -> LocalError | None:
    """The first thing that stands in the way, as one sentence with its remedy; None on a fit machine."""
    for stands, message, remedy in _CHECKS:
        if stands(machine):
            text = message.format(m=machine, controllers=", ".join(machine.missing_controllers))
            return LocalError(text, remedy)
    return None


def require() -> None:
    """Raise the problem of this machine, if it has one.

    Raises:
        LocalError: with the remedy.
    """
    found = problem(Machine.look())
    if found is not None:
        raise found


def require_root() -> None:
    """Raise unless this is root.

    Raises:
        LocalError: with the remedy.
    """
    if os.geteuid() != 0:
        raise LocalError("Removing an embedded cluster needs root.", "Run it with sudo.")
