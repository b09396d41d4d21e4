"""Secrets that the gateway's pods have as files: the operator reads none of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from paceline.api.gateway_spec import GatewaySpec
from paceline.gateway.ir import Gateway, Tls

_CERTIFICATE, _KEY = "tls.crt", "tls.key"


def certificate(secret: str, folder: str) -> Tls:
    """The files of a Secret of type kubernetes.io/tls."""
    return Tls(f"{folder}/{secret}/{_CERTIFICATE}", f"{folder}/{secret}/{_KEY}")


def mounts(spec: GatewaySpec, gateway: Gateway, folder: str) -> Mapping[str, tuple[str, ...]]:
    """Names of Secrets, each with the keys that are wanted of it.

    What the spec names is mounted whether or not it is used now: another mount is another pod.

    Args:
        spec: Of the Gateway.
        gateway: What it came to, for the keys of engines.
        folder: Where each Secret has a folder of its own name.
    """
    found: dict[str, set[str]] = defaultdict(set)
    if spec.listener.tls:
        found[spec.listener.tls.secret_ref.name] |= {_CERTIFICATE, _KEY}
    for backend in (each for route in spec.routes for each in route.backends):
        if backend.external and backend.external.secret_ref:
            found[backend.external.secret_ref.name].add(backend.external.secret_ref.key)
    for cluster in gateway.clusters:
        if cluster.credential_file:
            secret, _, key = cluster.credential_file.removeprefix(f"{folder}/").partition("/")
            found[secret].add(key)
    return {name: tuple(sorted(found[name])) for name in sorted(found)}
