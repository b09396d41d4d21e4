"""Our kinds, and for each which objects are made and looked at for its sake."""

from __future__ import annotations

from dataclasses import dataclass

from paceline.api.names import LABEL_GATEWAY, LABEL_OWNER
from paceline.kube.resources import (
    CONFIGMAPS,
    CONSUMERS,
    CONTROLLERREVISIONS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    GATEWAYS,
    JOBS,
    MODELDEPLOYMENTS,
    NETWORKPOLICIES,
    PODDISRUPTIONBUDGETS,
    PODS,
    SERVICEACCOUNTS,
    SERVICES,
    JsonObject,
    Key,
    Resource,
)

#: What every child carries; by it alone is watched, because a resource has one watch for all kinds.
MANAGED = "app.kubernetes.io/managed-by=paceline"


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One of our kinds and its children.

    Attributes:
        itself: The kind.
        label: On each child: the name of its owner.
        applied: What the operator applies. Order matters: a pod cannot start before its ServiceAccount is there, and no
            template is applied before it is kept.
        observed: What others make from what the operator applies; only looked at.
        watched: Children that kopf watches. The others are healed by the resync.
        read: Children whose body decisions read.
        manager: Field manager of the children; that of the status has "-status" after it.
    """

    itself: Resource
    label: str
    applied: tuple[Resource, ...]
    observed: tuple[Resource, ...]
    watched: frozenset[Resource]
    read: frozenset[Resource]
    manager: str

    @property
    def children(self) -> tuple[Resource, ...]:
        """Everything that is kept of an owner besides itself."""
        return (*self.applied, *self.observed)

    def watches(self, resource: Resource) -> bool:
        """Whether kopf watches it."""
        return resource is self.itself or resource in self.watched

    def reads(self, resource: Resource) -> bool:
        """Whether decisions read its body."""
        return resource is self.itself or resource in self.read

    def selector(self, resource: Resource) -> str:
        """The label selector under which a resource is listed; empty for the kind itself."""
        return "" if resource is self.itself else f"{MANAGED},{self.label}"

    def of(self, owner: str) -> str:
        """The label selector of one owner's children."""
        return f"{MANAGED},{self.label}={owner}"

    def owner(self, metadata: JsonObject) -> Key | None:
        """Key of the owner that a child's label names; ownership itself is a matter of uids."""
        name = (metadata.get("labels") or {}).get(self.label)
        return Key(metadata["namespace"], name) if name else None


#: Who does not lead reads how pods are asked from revisions that the leader made, and may not learn of them late.
_WATCHED = frozenset({DEPLOYMENTS, PODS, ENDPOINTSLICES, CONTROLLERREVISIONS})

MODELS = Family(
    MODELDEPLOYMENTS,
    LABEL_OWNER,
    applied=(
        SERVICEACCOUNTS, SERVICES, PODDISRUPTIONBUDGETS, NETWORKPOLICIES, JOBS, CONTROLLERREVISIONS, DEPLOYMENTS,
    ),
    observed=(PODS, ENDPOINTSLICES),
    watched=_WATCHED,
    read=_WATCHED,
    manager="paceline-modeldeployment",
)  # fmt: skip

DOORS = Family(
    GATEWAYS,
    LABEL_GATEWAY,
    applied=(SERVICEACCOUNTS, CONFIGMAPS, SERVICES, PODDISRUPTIONBUDGETS, DEPLOYMENTS),
    observed=(PODS,),
    watched=frozenset({CONFIGMAPS, DEPLOYMENTS, PODS}),
    read=frozenset({CONFIGMAPS, DEPLOYMENTS, PODS}),
    manager="paceline-gateway",
)
#: The Secret with a generated key is made once and never looked at in lists: nobody is to list Secrets.
CALLERS = Family(
    CONSUMERS,
    "",
    applied=(),
    observed=(),
    watched=frozenset(),
    read=frozenset(),
    manager="paceline-consumer",
)

FAMILIES = (MODELS, DOORS, CALLERS)
