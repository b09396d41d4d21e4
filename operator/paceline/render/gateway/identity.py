"""The ServiceAccount of a Gateway's pods: by its tokens the operator and the ledger know their agents."""

from __future__ import annotations

from paceline.api.gateway import Gateway
from paceline.render.gateway.metadata import metadata
from paceline.render.labels import Manifest


def service_account(gateway: Gateway) -> Manifest:
    """It has no right in the cluster, and its tokens are for paceline only."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(gateway),
        "automountServiceAccountToken": False,
    }
