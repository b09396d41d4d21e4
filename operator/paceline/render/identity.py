"""The ServiceAccount of the engine: an identity without any right and without a token."""

from __future__ import annotations

from paceline.api.modeldeployment import ModelDeployment
from paceline.render.labels import Manifest, metadata


def service_account(md: ModelDeployment, engine_type: str) -> Manifest:
    """An account of its own, so that nothing granted to `default` reaches an engine."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(md, engine_type),
        "automountServiceAccountToken": False,
    }
