"""Builders of Gateways: say only what the test is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paceline.api.gateway import Gateway
from paceline.render.gateway import GatewaySetup
from tests.support.models import merged

SETUP = GatewaySetup(
    proxy_image="docker.io/envoyproxy/envoy:distroless-v1.40.0",
    agent_image="localhost/paceline:dev",
    operator_url="https://paceline-operator.paceline-system.svc:8443",
    ledger_url="https://paceline-ledger.paceline-system.svc:8443",
    authority="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
)


def local(name: str = "main", model: str = "chat", **fields: Any) -> dict[str, Any]:
    """A backend that is a ModelDeployment."""
    return {"name": name, "type": "ModelDeployment", "modelDeployment": {"name": model}, **fields}


def external(name: str = "openai", url: str = "https://api.example.com/v1", **fields: Any) -> dict[str, Any]:
    """A backend outside."""
    return {"name": name, "type": "External", "external": {"baseUrl": url}, **fields}


def route(*backends: Mapping[str, Any], model: str = "bot", **fields: Any) -> dict[str, Any]:
    """A route; by default to one ModelDeployment."""
    return {"model": model, "backends": list(backends or [local()]), **fields}


def manifest(spec: Mapping[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """A Gateway as the API server gives it, with `spec` laid over one route."""
    about = {"namespace": "models", "name": "public", "uid": "0a7e", "generation": 2}
    return {
        "apiVersion": "paceline.dev/v1alpha1",
        "kind": "Gateway",
        "metadata": about | metadata,
        "spec": merged({"routes": [route()]}, spec or {}),
    }


def gateway(spec: Mapping[str, Any] | None = None, status: Any = None, **metadata: Any) -> Gateway:
    """The same, parsed; with a status where one matters."""
    obj = manifest(spec, **metadata)
    return Gateway.parse(obj if status is None else obj | {"status": status})
