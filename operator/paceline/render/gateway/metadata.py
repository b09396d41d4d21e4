"""Labels and names of a Gateway's children."""

from __future__ import annotations

from paceline.api import names
from paceline.api.gateway import KIND, Gateway
from paceline.render.labels import Manifest, owned


def labels(gateway: Gateway) -> dict[str, str]:
    """Labels of every child and pod of this Gateway."""
    return {
        "app.kubernetes.io/name": "envoy",
        "app.kubernetes.io/instance": gateway.name,
        "app.kubernetes.io/part-of": "paceline",
        "app.kubernetes.io/managed-by": "paceline",
        **names.gateway_labels(gateway.name),
    }


def child(gateway: Gateway) -> str:
    """Name of the children that no client needs to know."""
    return names.child_name(gateway.namespace, gateway.name, names.GATEWAY_ROLE)


def metadata(gateway: Gateway, name: str = "") -> Manifest:
    """Metadata of a child, with a name of its own where clients need to know it."""
    return owned(gateway, KIND, name or child(gateway), labels(gateway))
