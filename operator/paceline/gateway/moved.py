"""What pods that come and go change: the addresses of a few clusters, however many routes there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from paceline.gateway.ir import Cluster, Endpoint, Gateway, Pods
from paceline.gateway.observation import Model

_SOME = (Endpoint("", 0),)


def by_deployment(gateway: Gateway) -> dict[str, tuple[Cluster, ...]]:
    """Clusters of pods by the namespace/name of their ModelDeployment."""
    found: dict[str, list[Cluster]] = {}
    for each in gateway.clusters:
        if isinstance(each.servers, Pods):
            found.setdefault(dict(each.labels).get("deployment", ""), []).append(each)
    return {name: tuple(some) for name, some in found.items()}


def addressed(clusters: Iterable[Cluster], after: Model) -> tuple[Cluster, ...]:
    """Clusters of one ModelDeployment with the addresses of its pods as they are now."""
    found = {each.revision: each.endpoints for each in after.servings}
    return tuple(_addressed(each, found) for each in clusters)


def same_routes(before: Model, after: Model) -> bool:
    """Whether nothing but addresses may differ in what is made of one ModelDeployment.

    Where it does, everything must be translated anew: another spec or revision, the first pod or the last one, or
    shares of revisions, which follow their pods.
    """
    return _rest(before) == _rest(after) and sum(bool(each.endpoints) for each in after.servings) <= 1


def _addressed(cluster: Cluster, found: dict[str, tuple[Endpoint, ...]]) -> Cluster:
    if not isinstance(cluster.servers, Pods):
        return cluster
    endpoints = found.get(dict(cluster.labels)["revision"], ())
    return replace(cluster, servers=replace(cluster.servers, endpoints=endpoints))


def _rest(model: Model) -> Model:
    """All but addresses, and but what its status says."""
    servings = (replace(each, endpoints=_SOME if each.endpoints else ()) for each in model.servings)
    return replace(model, md=replace(model.md, conditions=()), servings=tuple(servings))
