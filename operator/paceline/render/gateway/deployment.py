"""The Deployment of a Gateway's pods."""

from __future__ import annotations

from collections.abc import Mapping

from paceline.api.gateway import Gateway
from paceline.api.names import gateway_labels
from paceline.render.deployment import rolling
from paceline.render.gateway.metadata import labels, metadata
from paceline.render.gateway.pod import pod_spec
from paceline.render.gateway.setup import GatewaySetup
from paceline.render.labels import Manifest


def deployment(gateway: Gateway, setup: GatewaySetup, mounted: Mapping[str, tuple[str, ...]]) -> Manifest:
    """A new pod serves before an old one begins to drain."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(gateway),
        "spec": {
            "replicas": gateway.spec.replicas,
            "revisionHistoryLimit": 2,
            "selector": {"matchLabels": gateway_labels(gateway.name)},
            "strategy": rolling(1, 0),
            "template": {"metadata": {"labels": labels(gateway)}, "spec": pod_spec(gateway, setup, mounted)},
        },
    }
