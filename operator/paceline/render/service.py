"""The Service by which the model is reached inside the cluster."""

from __future__ import annotations

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import selector_labels
from paceline.render.labels import Manifest, metadata


def service(md: ModelDeployment, engine_type: str) -> Manifest:
    """Port 80 of a stable address, to the engine's port by its name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(md, engine_type),
        "spec": {
            "type": "ClusterIP",
            "selector": selector_labels(md.name),
            "ports": [{"name": "http", "appProtocol": "http", "protocol": "TCP", "port": 80, "targetPort": "http"}],
        },
    }
