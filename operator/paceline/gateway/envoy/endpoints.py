"""Endpoints: one file for each cluster, so that a pod that comes or goes costs one small file."""

from __future__ import annotations

from collections.abc import Iterable

from paceline.gateway.envoy.documents import Document, address, resources, typed
from paceline.gateway.ir import Endpoint

#: Nobody listens here. A request to a cluster without servers ends at once and nothing else is tried; a refused
#: connection is a failure like others, after which the next priority answers.
_NOBODY = (Endpoint("127.0.0.1", 1),)


def servers(cluster: str, found: Iterable[Endpoint]) -> Document:
    """The file of a cluster's servers."""
    return endpoints(cluster, tuple(found) or _NOBODY)


def endpoints(cluster: str, found: Iterable[Endpoint]) -> Document:
    """The file of some addresses. Sorted, so that it changes only when one comes or goes."""
    ordered = sorted(found, key=lambda each: (each.address, each.port))
    return resources(
        typed(
            "config.endpoint.v3.ClusterLoadAssignment",
            cluster_name=cluster,
            endpoints=[
                {"lb_endpoints": [{"endpoint": {"address": address(each.address, each.port)}} for each in ordered]}
            ],
        )
    )
