"""A backend of a route: which servers answer for it, each with its share of the backend's requests."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from paceline.api import gateway_reasons as reasons
from paceline.api.backend_spec import Backend
from paceline.api.backend_spec import External as Provider
from paceline.api.digest import digest
from paceline.api.names import key_secret
from paceline.api.route_spec import Route as Entry
from paceline.engines.key import PLAIN
from paceline.gateway.allowed import allows, listed
from paceline.gateway.check import is_path
from paceline.gateway.engines import TRAITS
from paceline.gateway.ir import Cluster, External, Objective, Pods
from paceline.gateway.observation import NO_OBJECTIVE, Model, Serving
from paceline.gateway.shares import shares
from paceline.gateway.surroundings import Surroundings
from paceline.gateway.unresolved import Unresolved


@dataclass(frozen=True, slots=True)
class Part:
    """Servers that answer alike.

    Attributes:
        backend: Whose they are.
        percent: Their share of the backend's requests.
        early: They send headers before their first token.
        ready: They can take a request now.
        awaited: Requests may wait for them. Not for those of a model that never ran: its first pods are a cluster of
            their own, and a request keeps the one that it was led to.
        objective: Targets of requests that they answer.
        context_tokens: As of `Serving`.
    """

    cluster: Cluster
    backend: str
    percent: int = 100
    early: bool = False
    ready: bool = True
    awaited: bool = True
    objective: Objective = NO_OBJECTIVE
    context_tokens: int | None = None

    @property
    def deployment(self) -> str:
        """namespace/name of the ModelDeployment; "" for others."""
        return dict(self.cluster.labels).get("deployment", "")


def parts(entry: Entry, backend: Backend, around: Surroundings) -> list[Part]:
    """The servers of a backend; at least one part, which may have no endpoint.

    Raises:
        Unresolved: it cannot be had.
    """
    if backend.external:
        return [Part(_provider(entry, backend.name, backend.external, around), backend.name)]
    if backend.model_deployment is None:
        raise Unresolved(reasons.BACKEND_MISSING, f"type is {backend.type}, and its block is not there")
    wanted = backend.model_deployment
    return _engines(entry, backend.name, around.model(wanted), wanted.adapter or "", around)


def _engines(entry: Entry, backend: str, model: Model, adapter: str, around: Surroundings) -> list[Part]:
    servings = _usable(model, adapter, around.gateway.namespace)
    divided = shares(servings, model.weights) if servings else [(Serving("", "Custom", model.md.served_name), 100)]
    return [
        Part(
            _pods(entry, backend, model, serving, adapter, around.site.folder),
            backend,
            percent,
            early=TRAITS[serving.engine].early_headers,
            ready=bool(serving.endpoints) and not model.saturated,
            awaited=bool(servings),
            objective=model.objective,
            context_tokens=serving.context_tokens,
        )
        for serving, percent in divided
    ]


def _usable(model: Model, adapter: str, namespace: str) -> list[Serving]:
    """Revisions that can answer a Gateway of some namespace; none before the first one is there.

    Raises:
        Unresolved: none ever can.
    """
    md = model.md
    having = [each for each in model.servings if not adapter or adapter in each.adapters]
    if adapter and not having and adapter not in {each.name for each in md.spec.adapters}:
        words = f"ModelDeployment {md.namespace}/{md.name} has no adapter {adapter}"
        raise Unresolved(reasons.BACKEND_MISSING, words)
    if md.namespace == namespace:
        return having
    # A pod can have Secrets of its own namespace only.
    keyless = [each for each in having if not each.locked]
    if not keyless and (having or md.spec.locked):
        words = f"the engine of ModelDeployment {md.namespace}/{md.name} asks for a key that only its namespace has"
        raise Unresolved(reasons.NOT_PERMITTED, words)
    return keyless


def _pods(entry: Entry, backend: str, model: Model, serving: Serving, adapter: str, folder: str) -> Cluster:
    """Pods of one revision that answer under one name."""
    md = model.md
    deployment = f"{md.namespace}/{md.name}"
    asked = adapter or serving.served_name
    token = f"{folder}/{key_secret(md.name)}/{PLAIN}" if serving.locked else ""
    return Cluster(
        name=cluster_name(md.name, serving.revision or "none", deployment, backend, asked, entry.balance, token),
        servers=Pods(serving.endpoints, serving.health_path if is_path(serving.health_path) else ""),
        model=asked,
        usage=TRAITS[serving.engine].usage,
        credential_file=token,
        balance=entry.balance,
        labels=(("backend", backend), ("model", asked), ("deployment", deployment), ("revision", serving.revision)),
    )


def _provider(entry: Entry, backend: str, provider: Provider, around: Surroundings) -> Cluster:
    """A service outside.

    Raises:
        Unresolved: the administrator does not allow its host.
    """
    site, address = around.site, urlsplit(provider.base_url)
    host, secret = address.hostname or "", provider.secret_ref
    if not allows(site.hosts, host):
        words = f"host {host} is not allowed; allowed are: {listed(site.hosts)}"
        raise Unresolved(reasons.HOST_NOT_ALLOWED, words)
    asked = provider.model or entry.model
    token = f"{site.folder}/{secret.name}/{secret.key}" if secret else ""
    return Cluster(
        name=cluster_name(backend, "external", provider.base_url, asked, token),
        servers=External(host, address.port or 443, address.path.rstrip("/"), site.ca_file),
        model=asked,
        credential_file=token,
        labels=(("backend", backend), ("model", asked)),
    )


def cluster_name(begin: str, middle: str, *rest: str) -> str:
    """A name that is one cluster's alone: names of Kubernetes have no "_", and 48 bits are enough for the rest."""
    return f"{begin}_{middle}_{digest(rest).removeprefix('sha256:')[:12]}"
