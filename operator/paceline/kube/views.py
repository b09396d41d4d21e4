"""From raw objects to what decisions read of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from paceline.api.names import FETCH_ROLE
from paceline.api.revision import Revision
from paceline.decide.observation import DeploymentView, FetchView, PodView
from paceline.decide.views import deployment_view, fetch_view, pod_view
from paceline.kube.resources import CONTROLLERREVISIONS, DEPLOYMENTS, ENDPOINTSLICES, PODS, JsonObject, Resource


@dataclass(frozen=True, slots=True)
class SliceView:
    """One EndpointSlice.

    Attributes:
        ready: Addresses that take traffic.
    """

    ready: tuple[str, ...]


View: TypeAlias = DeploymentView | PodView | FetchView | SliceView | Revision


def view_of(resource: Resource, obj: JsonObject) -> View | None:
    """What decisions read of an object; None for kinds that none reads."""
    if resource is DEPLOYMENTS:
        return deployment_view(obj)
    if resource is PODS:
        labels = obj["metadata"].get("labels") or {}
        return fetch_view(obj) if labels.get("app.kubernetes.io/component") == FETCH_ROLE else pod_view(obj)
    if resource is ENDPOINTSLICES:
        return _slice_view(obj)
    if resource is CONTROLLERREVISIONS:
        return Revision.parse(obj)
    return None


def _slice_view(obj: JsonObject) -> SliceView:
    ready = [
        address
        for endpoint in obj.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint.get("addresses") or ()
    ]
    return SliceView(tuple(sorted(ready)))
