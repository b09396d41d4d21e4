"""The ConfigMap with the certificate by which an agent knows the operator and the ledger."""

from __future__ import annotations

from paceline.api.gateway import Gateway
from paceline.render.gateway.metadata import metadata
from paceline.render.gateway.setup import GatewaySetup
from paceline.render.labels import Manifest

KEY = "ca.crt"


def authority(gateway: Gateway, setup: GatewaySetup) -> Manifest:
    """It is public; a mounted ConfigMap follows a change without a new pod."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(gateway), "data": {KEY: setup.authority}}
