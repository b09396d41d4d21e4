"""paceline's image without a registry and without Docker: built once for each content, imported into a cluster."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from rich.console import Console

from paceline.local import archive, baseimage, locks, mounts, packages
from paceline.local.errors import LocalError
from paceline.local.node import PAUSE_IMAGE
from paceline.local.paths import Folders, cache_root, checkout
from paceline.local.shell import run

#: The reference that the chart uses by default.
REFERENCE = "localhost/paceline:dev"
#: What of the checkout goes into the image.
_INPUTS = ("deploy/Dockerfile", "deploy/Dockerfile.dockerignore", "requirements/runtime.txt", "operator/paceline")
#: Lets package clients inside the build reach the index as those outside do.
_BORROWED = ("/etc/ssl/certs", "/etc/pip.conf", "/etc/resolv.conf")
#: Archives kept: the newest and a few that other checkouts may be using.
_KEPT = 4


def inputs(root: Path) -> Iterator[Path]:
    """Files that go into the image, relative to the checkout, in a fixed order."""
    for each in _INPUTS:
        files = [root / each] if (root / each).is_file() else sorted((root / each).rglob("*"))
        for path in files:
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root)


def content_key(root: Path, base: Path) -> str:
    """Hash of everything that goes into the image; the base counts by the folder named after its recipe."""
    digest = hashlib.sha256(base.parent.name.encode())
    for path in inputs(root):
        executable = os.access(root / path, os.X_OK)
        digest.update(f"\0{path}\0{executable}\0".encode())
        digest.update((root / path).read_bytes())
    return digest.hexdigest()[:20]


def ensure() -> str:
    """Build paceline's image where its inputs have changed.

    Returns:
        Its reference, always the same; `load` brings the right content.

    Raises:
        LocalError: it cannot be built.
    """
    build()
    return REFERENCE


def build() -> Path:
    """The image of the checkout as it is now, as an archive; built where there is none yet.

    Raises:
        LocalError: it cannot be built.
    """
    root, say = checkout(), Console(stderr=True)
    folder = cache_root() / "images"
    with locks.held(folder / ".lock", "building the image"):
        with say.status("Making the base image"):
            base = baseimage.ensure()
        target = folder / f"{content_key(root, base)}.tar"
        if not target.exists():
            packages.ensure(packages.BUILDING, cni=False)
            with say.status("Building the image"):
                _build(root, base, target)
        os.utime(target)
        archives = sorted(folder.glob("*.tar"), key=lambda each: each.stat().st_mtime, reverse=True)
        for old in archives[_KEPT:]:
            old.unlink()
    return target


def _build(root: Path, base: Path, target: Path) -> None:
    store = cache_root() / "buildah"
    buildah: tuple[str | Path, ...] = (
        "buildah",
        "--root",
        store / "root",
        "--runroot",
        store / "run",
        "--storage-driver",
        "overlay",
    )
    borrowed: list[str | Path] = [f"--volume={path}:{path}:ro" for path in _BORROWED if Path(path).exists()]
    dockerfile = root / "deploy/Dockerfile"
    new = target.with_suffix(".new")
    try:
        run(
            *(*buildah, "bud", "--layers", "--isolation=chroot", "--network=host", *borrowed),
            *("--build-arg", f"BASE=oci-archive:{base}", "--ignorefile", f"{dockerfile}.dockerignore"),
            *("--file", dockerfile, "--tag", REFERENCE, root),
        )
        new.unlink(missing_ok=True)
        # A Docker archive holds its layers uncompressed, unlike an OCI one, and imports faster; it never travels.
        run(*buildah, "push", "--quiet", REFERENCE, f"docker-archive:{new}:{REFERENCE}")
        new.replace(target)
    finally:
        mounts.remove_below(store)


class Named(Protocol):
    """A cluster, as far as importing is concerned."""

    @property
    def name(self) -> str:
        """The cluster's name."""


def load(cluster: Named, reference: str) -> None:
    """Bring our image into a running cluster, unless this very content is there.

    Args:
        cluster: Where.
        reference: As `ensure` returned it.

    Raises:
        LocalError: another reference, or the import failed.
    """
    if reference != REFERENCE:
        raise LocalError(
            f"{reference} is not built from this checkout.", "Bring it with `paceline local load ARCHIVE`."
        )
    archive_file = build()
    _load_once(Folders.of(cluster.name), "paceline", archive_file.stem, archive_file)


def load_once(cluster: Named, name: str, path: Path) -> None:
    """Bring an image of the cache into a running cluster, unless this very content is there.

    Args:
        cluster: Where.
        name: One word for the image.
        path: The archive, in a folder that is named after its content.

    Raises:
        LocalError: the import failed.
    """
    _load_once(Folders.of(cluster.name), name, path.parent.name, path)


def load_pause(folders: Folders, program: Path) -> None:
    """Bring the image that every pod needs into a cluster, once.

    Args:
        folders: Of the cluster.
        program: The built `pause`.
    """
    target = program.with_suffix(".tar")
    if not target.exists():
        layer = program.with_suffix(".layer")
        with tarfile.open(layer, "w") as tar:
            archive.add(tar, program.name, program.read_bytes(), 0o755)
        archive.write(target, PAUSE_IMAGE, layer, {"User": "65535:65535", "Entrypoint": [f"/{program.name}"]})
        layer.unlink()
    _load_once(folders, "pause", program.parent.name, target)


def _load_once(folders: Folders, name: str, key: str, path: Path) -> None:
    marker = folders.state / "images" / name
    if not marker.exists() or marker.read_text() != key:
        import_archive(folders, path)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(key)


def import_archive(folders: Folders, path: Path) -> None:
    """Import an OCI or Docker archive into a cluster's containerd.

    Raises:
        LocalError: the cluster does not run, or the archive cannot be read.
    """
    run("ctr", "--address", folders.socket, "--namespace", "k8s.io", "images", "import", path)
