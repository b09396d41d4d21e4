"""Builders of Consumers: say only what the test is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paceline.api.consumer import Consumer
from tests.support.models import merged


def key(name: str = "k1", of: str = "keys") -> dict[str, Any]:
    """A credential that is a key."""
    return {"name": name, "type": "Key", "key": {"secretRef": {"name": of, "key": name}}}


def jwt(name: str = "bot", subject: str = "bot", **fields: Any) -> dict[str, Any]:
    """A credential that is a token."""
    block = {"issuer": "https://id.example.com", "audiences": ["paceline"], "subject": subject}
    return {"name": name, "type": "JWT", "jwt": block | fields}


def budget(name: str = "month", **fields: Any) -> dict[str, Any]:
    """A budget."""
    return {"name": name, "amount": "500.00", "period": "Month", **fields}


def manifest(spec: Mapping[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """A Consumer as the API server gives it, with `spec` laid over the minimal one."""
    about = {"namespace": "models", "name": "site", "uid": "0c5e", "generation": 2}
    return {
        "apiVersion": "paceline.dev/v1alpha1",
        "kind": "Consumer",
        "metadata": about | metadata,
        "spec": merged({"gatewayRefs": [{"name": "public"}], "models": ["bot"]}, spec or {}),
    }


def consumer(spec: Mapping[str, Any] | None = None, status: Any = None, **metadata: Any) -> Consumer:
    """The same, parsed; with a status where one matters."""
    obj = manifest(spec, **metadata)
    return Consumer.parse(obj if status is None else obj | {"status": status})
