"""What pods that come and go change: the addresses of a few clusters, however many routes there are."""

from __future__ import annotations

from dataclasses import replace

from paceline.gateway.ir import Cluster, Endpoint, Gateway, Pods
from paceline.gateway.observation import Model

_SOME = (Endpoint("", 0),)


def moved(gateway: Gateway, before: Model, after: Model) -> Gateway | None:
    """The routes after pods of one ModelDeployment came or went.

    Args:
        gateway: The routes so far.
        before: The ModelDeployment that they were made of.
        after: The same now.

    Returns:
        None where more than addresses may change, so that everything must be translated anew: another spec or
        revision, the first pod or the last one, or shares of revisions, which follow their pods.
    """
    if _rest(before) != _rest(after) or sum(bool(each.endpoints) for each in after.servings) > 1:
        return None
    name = f"{after.md.namespace}/{after.md.name}"
    found = {each.revision: each.endpoints for each in after.servings}
    return replace(gateway, clusters=tuple(_addressed(each, name, found) for each in gateway.clusters))


def _addressed(cluster: Cluster, deployment: str, found: dict[str, tuple[Endpoint, ...]]) -> Cluster:
    labels = dict(cluster.labels)
    if not isinstance(cluster.servers, Pods) or labels.get("deployment") != deployment:
        return cluster
    endpoints = found.get(labels["revision"], ())
    return replace(cluster, servers=replace(cluster.servers, endpoints=endpoints))


def _rest(model: Model) -> Model:
    """All but addresses, and but what its status says."""
    servings = (replace(each, endpoints=_SOME if each.endpoints else ()) for each in model.servings)
    return replace(model, md=replace(model.md, conditions=()), servings=tuple(servings))
