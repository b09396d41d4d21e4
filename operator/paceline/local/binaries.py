"""Building the cluster's programs from their Go modules, once for each content."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from paceline.local import locks
from paceline.local.errors import LocalError
from paceline.local.paths import cache_root, checkout
from paceline.local.progress import shown
from paceline.local.toolchain import Toolchain, find


@dataclass(frozen=True)
class Tool:
    """One program.

    Attributes:
        module: Folder under deploy/kubernetes-embedded.
        package: What to build, as `go build` takes it.
        dependency: Go module whose version the program reports; "" for none.
        version_variables: Variables set at link time; `{version}`, `{major}`, `{minor}` are filled in.
    """

    module: str
    package: str = "."
    dependency: str = ""
    version_variables: tuple[str, ...] = ()


_KUBERNETES = "k8s.io/component-base/version"
TOOLS = {
    "hyperkube": Tool(
        "kubernetes",
        "./hyperkube",
        "k8s.io/kubernetes",
        (
            f"{_KUBERNETES}.gitVersion=v{{version}}",
            f"{_KUBERNETES}.gitMajor={{major}}",
            f"{_KUBERNETES}.gitMinor={{minor}}",
            f"{_KUBERNETES}.gitTreeState=clean",
        ),
    ),
    "etcd": Tool("kubernetes", "./etcd"),
    "coredns": Tool("coredns"),
    "kwok": Tool("kwok", ".", "sigs.k8s.io/kwok", ("sigs.k8s.io/kwok/pkg/consts.Version={version}",)),
    "helm": Tool(
        "helm",
        "helm.sh/helm/v4/cmd/helm",
        "helm.sh/helm/v4",
        ("helm.sh/helm/v4/internal/version.version=v{version}",),
    ),
    "pause": Tool("pause"),
}


def content_key(module: Path, go_version: str) -> str:
    """Hash of a module's sources and the Go version."""
    digest = hashlib.sha256(go_version.encode())
    for path in sorted(module.rglob("*")):
        if path.is_file() and (path.suffix == ".go" or path.name in {"go.mod", "go.sum"}):
            digest.update(f"\0{path.relative_to(module)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def linker_flags(tool: Tool, go_mod: str) -> str:
    """What `-ldflags` gets: no symbol table, and the version that go.mod names."""
    flags = ["-s", "-w"]
    if tool.dependency:
        found = re.search(rf"{re.escape(tool.dependency)} v(\S+)", go_mod)
        version = found.group(1) if found else "0.0.0"
        major, minor = version.split(".")[:2]
        flags += ["-X " + each.format(version=version, major=major, minor=minor) for each in tool.version_variables]
    return " ".join(flags)


def ensure(name: str) -> Path:
    """Path of a program, built first where the cache lacks it.

    A second caller waits for the first one's build. "kubectl" is hyperkube under another name.

    Args:
        name: A key of TOOLS, or "kubectl".

    Raises:
        LocalError: it cannot be built.
    """
    if name == "kubectl":
        return _kubectl(ensure("hyperkube"))
    tool = TOOLS[name]
    module = checkout() / "deploy/kubernetes-embedded" / tool.module
    toolchain = find()
    target = cache_root() / "bin" / content_key(module, toolchain.version) / name
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with locks.held(target.with_suffix(".lock"), f"building {name}"):
        if not target.exists():
            new = target.with_suffix(".new")
            _build(tool, name, module, toolchain, new)
            new.replace(target)
    return target


def _kubectl(hyperkube: Path) -> Path:
    link = hyperkube.with_name("kubectl")
    if not link.is_symlink():
        new = hyperkube.with_name(f"kubectl.{os.getpid()}")
        new.symlink_to(hyperkube.name)
        new.replace(link)
    return link


def _build(tool: Tool, name: str, module: Path, toolchain: Toolchain, target: Path) -> None:
    # Module sums are checked against go.sum; nothing that is not pinned there is fetched.
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "-mod=readonly -buildvcs=false -trimpath",
    }
    flags = linker_flags(tool, (module / "go.mod").read_text())
    build = [str(toolchain.go), "build", "-v", "-ldflags", flags, "-o", str(target), tool.package]
    total = _count(toolchain, tool, module, environment, name)
    with subprocess.Popen(
        build, cwd=module, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        said = list(shown(process.stderr or (), f"Building {name}", total))
    if process.returncode != 0:
        raise LocalError(
            f"Building {name} failed: {''.join(said[-15:]).strip()}",
            "The build needs the Go module proxy and about 6 GB of disk the first time.",
        )


def _count(toolchain: Toolchain, tool: Tool, module: Path, environment: dict[str, str], name: str) -> int:
    """Number of packages; fetches their sources on the way."""
    argv = [str(toolchain.go), "list", "-deps", tool.package]
    sys.stderr.write(f"Fetching the sources of {name} ...\n")
    done = subprocess.run(argv, cwd=module, env=environment, capture_output=True, text=True, check=False)
    return len(done.stdout.splitlines()) or 1
