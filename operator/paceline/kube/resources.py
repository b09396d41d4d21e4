"""The resources the operator touches, and their paths on the API server."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

from paceline.api import consumer, gateway, modeldeployment
from paceline.api.kind import GROUP, VERSION

#: A parsed JSON object of the API server. Its shape is the server's affair; views.py turns it into typed tuples.
JsonObject: TypeAlias = dict[str, Any]


class Key(NamedTuple):
    """Namespace and name of an object of one kind."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Resource(NamedTuple):
    """A resource of the API server."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """As manifests write it: `apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of a collection, an object or its subresource; namespace None means all namespaces."""
        parts = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if namespace is not None:
            parts.append(f"namespaces/{quote(namespace, safe='')}")
        parts.append(self.plural)
        if name is not None:
            parts.append(quote(name, safe=""))
        if subresource is not None:
            parts.append(subresource)
        return "/".join(parts)


MODELDEPLOYMENTS = Resource(GROUP, VERSION, modeldeployment.PLURAL, modeldeployment.KIND)
GATEWAYS = Resource(GROUP, VERSION, gateway.PLURAL, gateway.KIND)
CONSUMERS = Resource(GROUP, VERSION, consumer.PLURAL, consumer.KIND)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICASETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap")
SERVICES = Resource("", "v1", "services", "Service")
SERVICEACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
PODDISRUPTIONBUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
CONTROLLERREVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
JOBS = Resource("batch", "v1", "jobs", "Job")
NETWORKPOLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
#: Created with generated keys (keys.py), and read where a Consumer names them (values.py); never listed.
SECRETS = Resource("", "v1", "secrets", "Secret")
PODS = Resource("", "v1", "pods", "Pod")
ENDPOINTSLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
TOKENREVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS = Resource("", "v1", "events", "Event")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace")
NODES = Resource("", "v1", "nodes", "Node")
RESOURCEQUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")

BY_KIND = {
    resource.kind: resource
    for resource in (
        MODELDEPLOYMENTS, GATEWAYS, CONSUMERS, DEPLOYMENTS, SERVICES, SERVICEACCOUNTS, PODDISRUPTIONBUDGETS, CONFIGMAPS,
        CONTROLLERREVISIONS, JOBS, NETWORKPOLICIES, PODS, ENDPOINTSLICES,
    )
}  # fmt: skip


def key_of(obj: JsonObject) -> Key:
    """Key of a parsed object."""
    metadata = obj["metadata"]
    return Key(metadata["namespace"], metadata["name"])
