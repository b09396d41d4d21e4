"""Endpoints: a small document for each cluster, so that a pod that comes or goes costs that one.

Where clusters are few, each document is a file that the proxy watches, and it comes back without anybody's help. Where
they are more, the agent beside the proxy gives them on a stream of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from paceline.gateway.envoy.documents import Document, address, resources, typed
from paceline.gateway.ir import Endpoint, Gateway, Pods

#: With as many files two proxies of one user id stay below the limit of `watched`.
MOST_FILES = 48
#: Nobody listens here. A request to a cluster without servers ends at once and nothing else is tried; a refused
#: connection is a failure like others, after which the next priority answers.
_NOBODY = (Endpoint("127.0.0.1", 1),)


def by_file(gateway: Gateway) -> bool:
    """Whether each cluster of pods has a file of its own for them."""
    return sum(isinstance(each.servers, Pods) for each in gateway.clusters) <= MOST_FILES


def servers(cluster: str, pods: Pods) -> Document:
    """A cluster's servers."""
    return assignment(cluster, pods.endpoints or _NOBODY)


def assignment(cluster: str, found: Iterable[Endpoint]) -> Document:
    """Some addresses. Sorted, so that they change only when one comes or goes."""
    ordered = sorted(found, key=lambda each: (each.address, each.port))
    each = [{"endpoint": {"address": address(one.address, one.port)}} for one in ordered]
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": each}]}


def endpoints_file(found: Document) -> Document:
    """A file of addresses."""
    return resources(typed("config.endpoint.v3.ClusterLoadAssignment", **found))
