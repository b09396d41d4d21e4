"""The Service by which clients reach a Gateway."""

from __future__ import annotations

from paceline.api.gateway import Gateway
from paceline.api.names import gateway_labels, gateway_service
from paceline.render.gateway.metadata import metadata
from paceline.render.labels import Manifest


def service(gateway: Gateway) -> Manifest:
    """The listener's port of a stable address, to the proxy's port by its name."""
    spec, listener = gateway.spec.service, gateway.spec.listener
    described = metadata(gateway, gateway_service(gateway.name))
    if spec.annotations:
        described["annotations"] = dict(sorted(spec.annotations.items()))
    scheme = "https" if listener.tls else "http"
    port = {"name": scheme, "appProtocol": scheme, "protocol": "TCP", "port": listener.port, "targetPort": "clients"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": described,
        "spec": {
            "type": spec.type,
            "selector": gateway_labels(gateway.name),
            "ports": [port],
            **({"loadBalancerClass": spec.load_balancer_class} if spec.load_balancer_class else {}),
        },
    }
