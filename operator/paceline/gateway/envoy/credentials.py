"""Secrets by file: the proxy reads the mounted files itself and notices when they change, so none is written here."""

from __future__ import annotations

import posixpath

from paceline.gateway.envoy.documents import Document, resources, typed
from paceline.gateway.ir import Tls

CERTIFICATE = "certificate"


def token(name: str, path: str) -> Document:
    """The token that a cluster's servers, or a service, are given."""
    return _secret(name, generic_secret={"secret": {"filename": path, "watched_directory": _folder(path)}})


def certificate(tls: Tls) -> Document:
    """The certificate that the gateway shows."""
    chain = {"certificate_chain": {"filename": tls.certificate}, "private_key": {"filename": tls.key}}
    return _secret(CERTIFICATE, tls_certificate={**chain, "watched_directory": _folder(tls.certificate)})


def _secret(name: str, **content: Document) -> Document:
    return resources(typed("extensions.transport_sockets.tls.v3.Secret", name=name, **content))


def _folder(path: str) -> Document:
    """Kubernetes replaces a link beside the file when a mounted Secret changes."""
    return {"path": posixpath.dirname(path)}
