"""The ConfigMap with the number of a Gateway's program: what the next leader must not fall behind."""

from __future__ import annotations

from collections.abc import Mapping

from paceline.api.gateway import Gateway
from paceline.api.names import child_name
from paceline.render.gateway.metadata import metadata
from paceline.render.labels import Manifest

_ROLE = "stamp"


def stamp_name(namespace: str, owner: str) -> str:
    """Its name."""
    return child_name(namespace, owner, _ROLE)


def stamp(gateway: Gateway, data: Mapping[str, str]) -> Manifest:
    """The stamp as an object.

    Args:
        gateway: Whose it is.
        data: Generation and digest.
    """
    described = metadata(gateway, stamp_name(gateway.namespace, gateway.name))
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": described, "data": dict(data)}
