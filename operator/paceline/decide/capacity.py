"""Is there a place for one replica? Nodes and quotas, held against its pod before the pod is made.

What exists is counted, not what is free: a node of that kind, and a quota's `hard`. What else runs there changes from
second to second; the scheduler and the quota's own words tell of it once there is a pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self, TypeAlias

from paceline.api import quantity, reasons
from paceline.api.reason import Reason

Amounts: TypeAlias = Mapping[str, Decimal]

#: Taints that Kubernetes itself puts on a node in trouble or cordoned. They come and go; the node exists.
_PASSING = "node.kubernetes.io/"
_PLAIN = frozenset({"cpu", "memory", "ephemeral-storage"})


@dataclass(frozen=True, slots=True)
class Taint:
    """A taint that keeps pods from a node; those that only ask to be avoided are left out."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node.

    Attributes:
        allocatable: What pods may have of it, all together.
    """

    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    allocatable: Amounts


@dataclass(frozen=True, slots=True)
class QuotaView:
    """One ResourceQuota that counts every pod.

    Attributes:
        hard: What the namespace may have, by the quota's own names, such as requests.nvidia.com/gpu.
    """

    name: str
    hard: Amounts


@dataclass(frozen=True, slots=True)
class Capacity:
    """Where pods may go.

    Attributes:
        nodes: None where they may not be seen, and so do not count.
        quotas: Of the namespace; none where they may not be seen.
    """

    nodes: tuple[NodeView, ...] | None = None
    quotas: tuple[QuotaView, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Whether there is a place.

    Attributes:
        words: What is scarce, "" nothing.
        obstacle: Why not one replica can come; None where one can, or where a node can be made for it.
    """

    words: str = ""
    obstacle: Reason | None = None


@dataclass(frozen=True, slots=True)
class Replica:
    """What one pod asks for."""

    selector: Mapping[str, str]
    tolerations: Sequence[Mapping[str, Any]]
    requests: Amounts
    limits: Amounts

    @classmethod
    def of(cls, pod: Mapping[str, Any]) -> Self:
        """Read the spec of a pod template. A request that is left out is as large as the limit, as in Kubernetes."""
        first, main = pod.get("initContainers", ()), pod["containers"]
        return cls(
            pod.get("nodeSelector", {}),
            pod.get("tolerations", ()),
            _largest(map(_requests, first), map(_requests, main)),
            _largest(map(_limits, first), map(_limits, main)),
        )


def place(pod: Mapping[str, Any], replicas: int, capacity: Capacity, *, fixed: bool) -> Place:
    """Whether nodes and quotas have a place for one replica, and whether quotas have one for all.

    Args:
        pod: Spec of the pod template.
        replicas: Wanted.
        capacity: What there is.
        fixed: Nodes do not come by themselves.
    """
    replica = Replica.of(pod)
    allowed = quotas_fit(replica, replicas, capacity.quotas)
    if allowed.obstacle or capacity.nodes is None:
        return allowed
    lacking = nodes_fit(replica, capacity.nodes)
    if lacking and fixed:
        return Place(lacking, reasons.NO_FITTING_NODE)
    made = f"A node has to be made. {lacking}" if lacking else ""
    return Place(" ".join(filter(None, (allowed.words, made))))


def quotas_fit(replica: Replica, replicas: int, quotas: Iterable[QuotaView]) -> Place:
    """How many replicas the tightest quota allows, if nothing else uses it."""
    tightest = min(
        (
            (int(hard // need), quota.name, name, need, hard)
            for quota in quotas
            for name, hard in quota.hard.items()
            if (need := _need(name, replica)) and hard.is_finite()
        ),
        default=None,
    )
    if tightest is None or tightest[0] >= replicas:
        return Place()
    count, quota, name, need, hard = tightest
    numbers = f"of {name} it has {_figure(name, hard)}, and one replica needs {_figure(name, need)}"
    if count:
        return Place(f'ResourceQuota "{quota}" allows {count} of {replicas} replicas: {numbers}.')
    return Place(f'ResourceQuota "{quota}" allows no replica: {numbers}.', reasons.QUOTA_TOO_SMALL)


def nodes_fit(replica: Replica, nodes: Sequence[NodeView]) -> str:
    """Why no node could take one replica, if nothing else ran there; "" where one could."""
    labelled = [node for node in nodes if replica.selector.items() <= node.labels.items()]
    allowed = [node for node in labelled if not _in_the_way(node, replica)]
    if any(_lacking(node, replica) == [] for node in allowed):
        return ""
    return f"No node of {len(nodes)} can take one replica: {_why(replica, labelled, allowed)}."


def _why(replica: Replica, labelled: Sequence[NodeView], allowed: Sequence[NodeView]) -> str:
    if not labelled:
        wanted = ", ".join(f"{key}={value}" for key, value in sorted(replica.selector.items()))
        return f"none has the labels {wanted}" if wanted else "there is none"
    if not allowed:
        keys = ", ".join(sorted({taint.key for node in labelled for taint in _in_the_way(node, replica)}))
        return f"{len(labelled)} have its labels, but a taint that is not tolerated ({keys})"
    # What the fewest nodes have enough of is named, with the most that one of them has.
    short = [name for node in allowed for name in _lacking(node, replica)]
    name = max(sorted(set(short)), key=short.count)
    most = max(node.allocatable.get(name, Decimal(0)) for node in allowed)
    asked = replica.requests[name]
    if most >= asked:
        every = ", ".join(f"{_figure(each, amount)} {each}" for each, amount in sorted(replica.requests.items()))
        return f"none of the {len(allowed)} with its labels and without a taint in the way has {every} together"
    return (
        f"the largest of the {len(allowed)} with its labels and without a taint in the way has "
        f"{_figure(name, most)} {name}, {_figure(name, asked)} are asked"
    )


def _in_the_way(node: NodeView, replica: Replica) -> list[Taint]:
    return [
        taint
        for taint in node.taints
        if not taint.key.startswith(_PASSING) and not any(_tolerates(one, taint) for one in replica.tolerations)
    ]


def _tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    return (
        toleration.get("key") in {None, taint.key}
        and toleration.get("effect") in {None, taint.effect}
        and (toleration.get("operator") == "Exists" or (toleration.get("value") or "") == taint.value)
    )


def _lacking(node: NodeView, replica: Replica) -> list[str]:
    """Names of what the node has too little of."""
    return [name for name, asked in replica.requests.items() if node.allocatable.get(name, Decimal(0)) < asked]


def _need(name: str, replica: Replica) -> Decimal:
    """What one replica takes of a quota's resource; 0 of what is none of a pod's."""
    if name in {"pods", "count/pods"}:
        return Decimal(1)
    kind, _, resource = name.partition(".")
    if kind == "limits":
        return replica.limits.get(resource, Decimal(0))
    return replica.requests.get(name if name in _PLAIN else resource if kind == "requests" else "", Decimal(0))


def _requests(container: Mapping[str, Any]) -> Amounts:
    resources = container.get("resources", {})
    return _amounts({**resources.get("limits", {}), **resources.get("requests", {})})


def _limits(container: Mapping[str, Any]) -> Amounts:
    return _amounts(container.get("resources", {}).get("limits", {}))


def _amounts(given: Mapping[str, str]) -> Amounts:
    return {name: quantity.parse(text) for name, text in given.items()}


def _largest(first: Iterable[Amounts], main: Iterable[Amounts]) -> Amounts:
    """What a pod takes: its containers run together, those that come first one after another and before them."""
    total: dict[str, Decimal] = {}
    for amounts in main:
        for name, amount in amounts.items():
            total[name] = total.get(name, Decimal(0)) + amount
    for amounts in first:
        for name, amount in amounts.items():
            total[name] = max(total.get(name, Decimal(0)), amount)
    return total


def _figure(name: str, amount: Decimal) -> str:
    if name.endswith(("memory", "storage")):
        return f"{amount / 2**30:.2f} GiB"
    return f"{amount.normalize():f}"
