"""kubeconfig files: rendered, and merged into the user's own on request."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import yaml

from paceline.local.errors import LocalError

_LISTS = ("clusters", "users", "contexts")


def context(name: str) -> str:
    """Name of a local cluster's context."""
    return f"paceline-{name}"


def render(name: str, server: str, pki: Path, client: str) -> dict[str, Any]:
    """A kubeconfig with everything inside.

    Args:
        name: Of its cluster, user and context.
        server: URL of the API server.
        pki: Folder with `ca.crt` and the client's pair.
        client: File name of the client's pair.
    """

    def data(file: str) -> str:
        return base64.b64encode((pki / file).read_bytes()).decode()

    user = {"client-certificate-data": data(f"{client}.crt"), "client-key-data": data(f"{client}.key")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": data("ca.crt")}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def write(path: Path, config: dict[str, Any]) -> None:
    """Write it so that only its owner can read it, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.touch(mode=0o600)
    new.write_text(yaml.safe_dump(config, sort_keys=False))
    new.replace(path)


def merged(own: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    """The user's kubeconfig with one more cluster, which becomes the current one."""
    name = added["current-context"]
    result = {"apiVersion": "v1", "kind": "Config", **own, "current-context": name}
    for key in _LISTS:
        others = [each for each in own.get(key) or [] if each.get("name") != name]
        result[key] = [*others, *added[key]]
    return result


def without(own: dict[str, Any], name: str) -> dict[str, Any]:
    """The user's kubeconfig without one cluster."""
    result = dict(own)
    for key in _LISTS:
        result[key] = [each for each in own.get(key) or [] if each.get("name") != name]
    if own.get("current-context") == name:
        result["current-context"] = ""
    return result


def user_file() -> Path:
    """The file that kubectl would change: the first of KUBECONFIG, else the usual place."""
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first) if first else Path.home() / ".kube/config"


def load(path: Path) -> dict[str, Any]:
    """Read a kubeconfig; an absent or empty file is an empty one.

    Raises:
        LocalError: the file is there and is not a kubeconfig.
    """
    try:
        config = yaml.safe_load(path.read_text()) if path.exists() else {}
    except (OSError, yaml.YAMLError):
        config = None
        broken = True
    else:
        broken = not isinstance(config or {}, dict)
    if broken:
        raise LocalError(f"{path} is not a kubeconfig that can be read.", "Repair or move it, and try again.")
    return config or {}
