"""The PodDisruptionBudget: node drains take one engine after another."""

from __future__ import annotations

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import selector_labels
from paceline.render.labels import Manifest, metadata


def disruption_budget(md: ModelDeployment, engine_type: str) -> Manifest:
    """One at a time; engines that are not ready anyway never hold up a drain."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(md, engine_type),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector_labels(md.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
