"""The PodDisruptionBudget of a Gateway: node drains take one pod after another."""

from __future__ import annotations

from paceline.api.gateway import Gateway
from paceline.api.names import gateway_labels
from paceline.render.gateway.metadata import metadata
from paceline.render.labels import Manifest


def disruption_budget(gateway: Gateway) -> Manifest:
    """One at a time; pods that are not ready anyway never hold up a drain."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(gateway),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": gateway_labels(gateway.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
