"""Debian packages that the cluster stands on: found, or installed where that is possible."""

from __future__ import annotations

import shutil
from pathlib import Path

from paceline.local.errors import LocalError
from paceline.local.shell import run

#: Program to the Debian package that brings it.
RUNTIME = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "umount": "mount",
    "sysctl": "procps",
}
BUILDING = {"buildah": "buildah", "mmdebstrap": "mmdebstrap"}
#: Where distributions and upstream put the CNI plugins.
_CNI_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni")
_CNI_PLUGINS = ("ptp", "host-local", "loopback")
_CNI_PACKAGE = "containernetworking-plugins"


def _cni_folder() -> str | None:
    for folder in _CNI_FOLDERS:
        if all(Path(folder, plugin).exists() for plugin in _CNI_PLUGINS):
            return folder
    return None


def cni_folder() -> str:
    """Folder of the CNI plugins.

    Raises:
        LocalError: there is none.
    """
    folder = _cni_folder()
    if folder is None:
        raise LocalError("The CNI plugins are not installed.", f"Install {_CNI_PACKAGE}.")
    return folder


def missing(programs: dict[str, str], *, cni: bool = True) -> list[str]:
    """Packages that are lacking, by name.

    Args:
        programs: Program to package.
        cni: Whether the CNI plugins are needed too.
    """
    lacking = {package for program, package in programs.items() if shutil.which(program) is None}
    if cni and _cni_folder() is None:
        lacking.add(_CNI_PACKAGE)
    return sorted(lacking)


def ensure(programs: dict[str, str], *, cni: bool = True) -> None:
    """Install what is lacking, on Debian and Ubuntu.

    Raises:
        LocalError: it cannot be installed; the message names it.
    """
    lacking = missing(programs, cni=cni)
    if not lacking:
        return
    words = ", ".join(lacking)
    if shutil.which("apt-get") is None:
        raise LocalError(
            f"This machine lacks {words}.",
            "Install them with its package manager, or use kind where there is Docker: deploy/kind/.",
        )
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
    install = (*quiet, "install", "--yes", "--no-install-recommends", *lacking)
    try:
        run(*install)
    except LocalError:
        # A fresh machine has no package lists yet.
        run(*quiet, "update")
        run(*install)
    if still := missing(programs, cni=cni):
        raise LocalError(f"apt-get installed {words}, but {', '.join(still)} cannot be found.", "Check PATH.")
