"""The base of our image where no registry can be asked: this machine's own Debian or Ubuntu, with Python."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

from paceline.local import archive, locks, packages
from paceline.local.errors import LocalError
from paceline.local.paths import cache_root
from paceline.local.shell import run

#: python3-venv brings the pip that the Dockerfile installs with.
_PACKAGES = "python3,python3-venv,ca-certificates"
#: First release with Python 3.11 or newer. Testing releases have no number and come later than all.
_OLDEST = {"debian": "12", "ubuntu": "23.04"}
_DROPPED = ("doc", "man", "locale", "info", "lintian")
#: Python images carry no byte code: it doubles the size and is written for one interpreter.
_NO_BYTECODE = 'find "$1/usr" -name __pycache__ -prune -exec rm -rf {} +'


def recipe(release: dict[str, str]) -> list[str]:
    """The mmdebstrap command line, its target aside.

    Args:
        release: What /etc/os-release says.

    Raises:
        LocalError: not a distribution that mmdebstrap can make.
    """
    distribution, suite = release.get("ID", ""), release.get("VERSION_CODENAME", "")
    if distribution not in {"debian", "ubuntu"} or not suite:
        raise LocalError(
            f"The local base image is made of Debian or Ubuntu packages, and this is {distribution or 'neither'}.",
            "Build deploy/Dockerfile with Docker (deploy/kind/README.md).",
        )
    if _number(release.get("VERSION_ID", "99")) < _number(_OLDEST[distribution]):
        raise LocalError(
            f"The local base image needs Python 3.11, and {distribution} {suite} has an older one.",
            "Build deploy/Dockerfile with Docker (deploy/kind/README.md).",
        )
    components = "main,universe" if distribution == "ubuntu" else "main"
    dropped = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _DROPPED]
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        f"--include={_PACKAGES}",
        f"--components={components}",
        '--aptopt=Acquire::Languages "none"',
        *dropped,
        f"--customize-hook={_NO_BYTECODE}",
        suite,
    ]


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def ensure() -> Path:
    """The base as an OCI archive, made once for each recipe; makes Python 3.11 or newer sure.

    Raises:
        LocalError: it cannot be made here.
    """
    packages.ensure(packages.BUILDING, cni=False)
    command = recipe(platform.freedesktop_os_release())
    folder = cache_root() / "base" / hashlib.sha256("\0".join(command).encode()).hexdigest()[:20]
    target = folder / "base.tar"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with locks.held(folder / ".lock", "making the base image"):
            if not target.exists():
                rootfs = folder / "rootfs.tar"
                run(*command, rootfs)
                archive.write(target, "localhost/paceline-base:local", rootfs, {"Cmd": ["python3"]})
                rootfs.unlink()
    return target
