"""llama.cpp's `llama-server`, built once from the sources that llama-cpp-python carries, and an image with it.

There is no prebuilt one that a package index has for every machine. The build is static, so that the image is this
one file, at the place where llama.cpp's own image has it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from paceline.local import archive, images, locks, packages
from paceline.local.errors import LocalError
from paceline.local.paths import cache_root, checkout
from paceline.local.progress import shown
from paceline.local.shell import run
from paceline.local.toolchain import installer

NAME = "llama-server"
#: The reference of the image; the chart's value images.llamaCpp takes it.
REFERENCE = "localhost/llama.cpp:server"
_SOURCES, _TOOLS = "requirements/llama.txt", "requirements/llama-build.txt"
_COMPILING = {"cmake": "cmake", "ninja": "ninja-build", "c++": "g++"}
#: For CPUs alone and without a page for browsers, which would be downloaded while building.
_OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DCMAKE_EXE_LINKER_FLAGS=-static -s",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DGGML_NATIVE=OFF",
    "-DGGML_OPENMP=OFF",
    "-DGGML_CCACHE=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
)


def content_key(root: Path) -> str:
    """Hash of what is fetched, of how it is built and of the machine's kind."""
    files = ((root / name).read_bytes() for name in (_SOURCES, _TOOLS))
    parts = (*files, *(option.encode() for option in _OPTIONS), platform.machine().encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:20]


def ensure() -> Path:
    """Path of the program, built first where the cache lacks it (minutes).

    Raises:
        LocalError: it cannot be built.
    """
    root = checkout()
    target = cache_root() / "bin" / content_key(root) / NAME
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with locks.held(target.with_suffix(".lock"), f"building {NAME}"):
        if not target.exists():
            packages.ensure(_COMPILING, cni=False)
            with tempfile.TemporaryDirectory(dir=target.parent, prefix="build-") as folder:
                _build(_fetch(root, Path(folder)), Path(folder) / "build").replace(target)
    return target


def image() -> Path:
    """The image as an archive, made where there is none yet.

    Raises:
        LocalError: the program cannot be built.
    """
    program = ensure()
    target = program.with_suffix(".tar")
    if not target.exists():
        layer = program.with_suffix(f".{os.getpid()}.layer")
        with tarfile.open(layer, "w") as tar:
            archive.add(tar, f"app/{NAME}", program.read_bytes(), 0o755)
        archive.write(target, REFERENCE, layer, {"User": "65532:65532", "Entrypoint": [f"/app/{NAME}"]})
        layer.unlink()
    return target


def load(cluster: images.Named) -> None:
    """Bring the image into a running cluster, unless it is there.

    Raises:
        LocalError: it cannot be built, or the import failed.
    """
    images.load_once(cluster, NAME, image())


def _fetch(root: Path, folder: Path) -> Path:
    """llama.cpp's sources, of the locked hash.

    pip runs the build backend of a package of sources even to download it, so it gets a locked one.
    """
    tools, sources = folder / "tools", folder / "sources"
    sources.mkdir()
    locked = ("--quiet", "--no-deps", "--require-hashes")
    run(*installer(), "install", *locked, "--only-binary=:all:", "--target", tools, "-r", root / _TOOLS)
    download = (sys.executable, "-m", "pip", "download", *locked, "--no-binary=:all:", "--no-build-isolation")
    run("env", f"PYTHONPATH={tools}", *download, "--dest", folder, "-r", root / _SOURCES)
    (packed,) = folder.glob("*.tar.gz")
    run("tar", "--extract", "--file", packed, "--directory", sources, "--strip-components=1")
    return sources / "vendor/llama.cpp"


def _build(sources: Path, folder: Path) -> Path:
    run("cmake", "-G", "Ninja", "-S", sources, "-B", folder, *_OPTIONS)
    ninja = ("ninja", "-C", str(folder), NAME)
    total = len(run(*ninja, "-n").splitlines())
    with subprocess.Popen(ninja, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = list(shown(process.stdout or (), f"Building {NAME}", total))
    if process.returncode != 0:
        raise LocalError(
            f"Building {NAME} failed: {''.join(said[-15:]).strip()}", "It needs about 1 GB of disk and of memory."
        )
    return folder / "bin" / NAME
