"""From raw objects to what decisions read of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from paceline.api.names import FETCH_ROLE, GATEWAY_ROLE
from paceline.api.revision import Revision
from paceline.decide.observation import DeploymentView, FetchView, PodView
from paceline.decide.views import deployment_view, fetch_view, gateway_pod_view, pod_view
from paceline.gateway.stamp import Stamp, stamp_of
from paceline.kube.resources import (
    CONFIGMAPS,
    CONTROLLERREVISIONS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    PODS,
    JsonObject,
    Resource,
)


@dataclass(frozen=True, slots=True)
class SliceView:
    """One EndpointSlice.

    Attributes:
        ready: Addresses that take traffic.
    """

    ready: tuple[str, ...]


#: Readers of pods by their component; of all others pod_view.
_PODS: dict[object, Callable[[JsonObject], PodView | FetchView]] = {
    FETCH_ROLE: fetch_view,
    GATEWAY_ROLE: gateway_pod_view,
}

View: TypeAlias = DeploymentView | PodView | FetchView | SliceView | Revision | Stamp


def view_of(resource: Resource, obj: JsonObject) -> View | None:
    """What decisions read of an object; None for kinds that none reads."""
    if resource is DEPLOYMENTS:
        return deployment_view(obj)
    if resource is PODS:
        role = (obj["metadata"].get("labels") or {}).get("app.kubernetes.io/component")
        return _PODS.get(role, pod_view)(obj)
    if resource is ENDPOINTSLICES:
        return _slice_view(obj)
    if resource is CONFIGMAPS:
        return stamp_of(obj.get("data"))
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
