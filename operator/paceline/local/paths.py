"""Where the embedded cluster keeps its things."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from paceline.local.errors import LocalError

#: Names become part of a network namespace, a cgroup and a path, so they stay short and plain.
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")
#: Sockets and process records: gone after a reboot, as the processes are. Short, for a socket path ends at 107 bytes.
RUN_ROOT = Path("/run/paceline")


def state_root() -> Path:
    """Folder of all clusters of this user: state that outlives a reboot."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "paceline/local"


def cache_root() -> Path:
    """Folder of built binaries and images, shared by all checkouts of this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paceline"


def checkout() -> Path:
    """Root of the source checkout, which holds the Go modules and the Dockerfile.

    Raises:
        LocalError: paceline runs from an installed package without its sources.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / "deploy/kubernetes-embedded").is_dir():
        raise LocalError(
            "The embedded cluster is built from the source checkout, and paceline runs without one here.",
            "Run it from a clone of the repository, or use any other cluster through KUBECONFIG.",
        )
    return root


@dataclass(frozen=True)
class Folders:
    """The folders of one cluster.

    Attributes:
        name: The cluster's name.
        state: Survives a reboot: etcd's data, certificates, images, logs.
        run: Does not: sockets, process records.
    """

    name: str
    state: Path
    run: Path

    @classmethod
    def of(cls, name: str) -> Folders:
        """Folders for a cluster name.

        Raises:
            LocalError: the name cannot be used.
        """
        if not NAME.fullmatch(name):
            raise LocalError(
                f"{name!r} cannot be the name of a local cluster.",
                "Use at most 30 lower-case letters, digits and '-', not at either end.",
            )
        return cls(name=name, state=state_root() / name, run=RUN_ROOT / name)

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.state / "pki"

    @property
    def config(self) -> Path:
        """Rendered configuration files."""
        return self.state / "config"

    @property
    def logs(self) -> Path:
        """One log file for each component, and pods/ below."""
        return self.state / "logs"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def socket(self) -> Path:
        """Containerd's socket."""
        return self.run / "containerd.sock"
