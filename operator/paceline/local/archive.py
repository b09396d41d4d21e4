"""Writing a one-layer image as an OCI archive, without any tool."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def write(target: Path, image: str, layer: Path, settings: Mapping[str, Any]) -> None:
    """Write an image of one layer, in one step.

    Args:
        target: The archive to write.
        image: Its full name with tag.
        layer: An uncompressed tar of its files.
        settings: Its OCI config, such as {"User": "65532", "Entrypoint": ["/pause"]}.
    """
    with layer.open("rb") as file:
        layer_digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    config = _json(
        {
            "architecture": _MACHINES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": dict(settings),
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
            # buildah counts the layers of a base by its history.
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": image}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _described("config.v1+json", _digest(config), len(config)),
            "layers": [_described("layer.v1.tar", layer_digest, layer.stat().st_size)],
        }
    )
    entry = _described("manifest.v1+json", _digest(manifest), len(manifest))
    # containerd reads the full name, everything else the tag alone.
    names = {"io.containerd.image.name": image, "org.opencontainers.image.ref.name": image.rpartition(":")[2]}
    new = target.with_suffix(".new")
    with tarfile.open(new, "w") as tar:
        add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        add(tar, "index.json", _json({"schemaVersion": 2, "manifests": [{**entry, "annotations": names}]}))
        for blob in (config, manifest):
            add(tar, _blob(_digest(blob)), blob)
        tar.add(layer, _blob(layer_digest))
    new.replace(target)


def add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    """Add a file with given bytes; its time is 0, so that equal content gives an equal archive."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), mode
    tar.addfile(member, io.BytesIO(data))


def _described(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest, "size": size}


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
