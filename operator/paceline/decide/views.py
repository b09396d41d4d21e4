"""Raw objects, read into the views of the decisions. Missing parts read as nothing happened yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from paceline.api import quantity
from paceline.api.conditions import parse_stamp
from paceline.api.names import ENGINE_KEY, FETCH_ROLE, LABEL_REVISION, LABEL_SOURCES
from paceline.decide.capacity import Amounts, NodeView, QuotaView, Taint
from paceline.decide.observation import DeploymentView, FetchView, PodView, ReplicaSetView

Raw = Mapping[str, Any]


def deployment_view(obj: Raw) -> DeploymentView:
    """Read a Deployment of the API server."""
    metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    conditions = _by_type(status.get("conditions"))
    failure = conditions.get("ReplicaFailure", {})
    labels = spec.get("template", {}).get("metadata", {}).get("labels") or {}
    strategy = spec.get("strategy") or {}
    limits = strategy.get("rollingUpdate") or {}
    return DeploymentView(
        name=metadata["name"],
        revision=labels.get(LABEL_REVISION, ""),
        generation=metadata.get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        replicas=spec.get("replicas", 1),
        total=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        progress_reason=conditions.get("Progressing", {}).get("reason", ""),
        failure=failure.get("message", "") if failure.get("status") == "True" else "",
        surge=_count(limits, "maxSurge"),
        unavailable=_count(limits, "maxUnavailable"),
        recreates=strategy.get("type") == "Recreate",
        paused=spec.get("paused") is True,
    )


def replica_set_view(obj: Raw) -> ReplicaSetView:
    """Read a ReplicaSet of the API server."""
    metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    noted = str((metadata.get("annotations") or {}).get("deployment.kubernetes.io/desired-replicas", ""))
    return ReplicaSetView(
        noticed=status.get("observedGeneration", 0) >= metadata.get("generation", 0),
        replicas=spec.get("replicas", 1),
        total=status.get("replicas", 0),
        available=status.get("availableReplicas", 0),
        scaled_for=int(noted) if noted.isdecimal() else None,
    )


def pod_view(obj: Raw) -> PodView:
    """Read a pod of the API server. Its engine is the container of that name."""
    status = obj.get("status") or {}
    fetching = _container(status.get("initContainerStatuses"), FETCH_ROLE)
    return _pod(obj, _container(status.get("containerStatuses"), "engine"), fetching)


def gateway_pod_view(obj: Raw) -> PodView:
    """Read a pod of a Gateway. Its container is the agent until that has started, then Envoy."""
    status = obj.get("status") or {}
    agent = _container(status.get("initContainerStatuses"), "agent")
    envoy = _container(status.get("containerStatuses"), "envoy")
    return _pod(obj, envoy if agent.get("started") is True else agent, {})


def _pod(obj: Raw, container: Raw, fetching: Raw) -> PodView:
    """A pod, and what is said of the container that it is there for."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    conditions = _by_type(status.get("conditions"))
    state = container.get("state") or {}
    waiting = (fetching.get("state") or {}).get("waiting") or state.get("waiting") or {}
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    scheduled = conditions.get("PodScheduled", {})
    return PodView(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        revision=(metadata.get("labels") or {}).get(LABEL_REVISION, ""),
        ip=status.get("podIP", ""),
        deleting="deletionTimestamp" in metadata,
        ready=conditions.get("Ready", {}).get("status") == "True",
        started=container.get("started") is True,
        waiting=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        restarts=container.get("restartCount", 0),
        exit_code=ended.get("exitCode"),
        exit_reason=ended.get("reason", ""),
        exit_message=ended.get("message", ""),
        ran_seconds=_seconds(ended),
        unschedulable=scheduled.get("message", "") if scheduled.get("reason") == "Unschedulable" else "",
        failed=_failed(status),
        # The kubelet says both at once; only the controller that misses a node says one without the other.
        lost=conditions.get("Ready", {}).get("status") == "False" and container.get("ready") is True,
        unfetched=_unfetched(fetching),
        locked=any(volume.get("name") == ENGINE_KEY for volume in (obj.get("spec") or {}).get("volumes") or ()),
    )


def fetch_view(obj: Raw) -> FetchView:
    """Read a pod that looks up sources."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    container = _container(status.get("containerStatuses"), FETCH_ROLE)
    state = container.get("state") or {}
    ended, waiting = state.get("terminated") or {}, state.get("waiting") or {}
    scheduled = _by_type(status.get("conditions")).get("PodScheduled", {})
    words = (
        _failed(status) if status.get("reason") else "",
        scheduled.get("message", "") if scheduled.get("reason") == "Unschedulable" else "",
        # The kubelet goes to and fro between ErrImagePull and ImagePullBackOff; the words stay.
        str(waiting.get("message") or "").rpartition("ErrImagePull: ")[2],
        f"exit code {ended.get('exitCode')} ({ended.get('reason', '')})" if ended.get("exitCode") else "",
    )
    return FetchView(
        name=metadata["name"],
        request=(metadata.get("labels") or {}).get(LABEL_SOURCES, ""),
        created=str(metadata.get("creationTimestamp") or ""),
        phase=str(status.get("phase") or ""),
        report=str(ended.get("message") or ""),
        trouble=next(filter(None, words), ""),
    )


def node_view(obj: Raw) -> NodeView:
    """Read a node of the API server."""
    taints = (obj.get("spec") or {}).get("taints") or ()
    return NodeView(
        labels=obj["metadata"].get("labels") or {},
        taints=tuple(
            Taint(taint["key"], taint.get("value") or "", taint["effect"])
            for taint in taints
            if taint["effect"] != "PreferNoSchedule"
        ),
        allocatable=_amounts((obj.get("status") or {}).get("allocatable")),
    )


def quota_view(obj: Raw) -> QuotaView | None:
    """Read a ResourceQuota of the API server; None for one that counts only some pods (it has scopes)."""
    spec = obj.get("spec") or {}
    if spec.get("scopes") or spec.get("scopeSelector"):
        return None
    return QuotaView(obj["metadata"]["name"], _amounts(spec.get("hard")))


def _amounts(given: Mapping[str, str] | None) -> Amounts:
    return {name: _amount(text) for name, text in (given or {}).items()}


def _amount(text: str) -> Decimal:
    """Quantities that we cannot read are larger than any that we write."""
    try:
        return quantity.parse(text)
    except ValueError:
        return Decimal("Infinity")


def _count(block: Raw, name: str) -> int:
    value = block.get(name)
    return value if isinstance(value, int) else 0


def _container(statuses: Iterable[Raw] | None, name: str) -> Raw:
    return next((status for status in statuses or () if status.get("name") == name), {})


def _unfetched(container: Raw) -> str:
    """What the fetching container said when it last ended badly, as long as it has not ended well."""
    state = container.get("state") or {}
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    return str(ended.get("message") or f"exit code {ended['exitCode']}") if ended.get("exitCode") else ""


def _by_type(conditions: Iterable[Raw] | None) -> dict[str, Raw]:
    return {condition["type"]: condition for condition in conditions or ()}


def _seconds(ended: Raw) -> float:
    start, end = parse_stamp(ended.get("startedAt")), parse_stamp(ended.get("finishedAt"))
    return max(0.0, (end - start).total_seconds()) if start and end else 0.0


def _failed(status: Raw) -> str:
    if status.get("phase") != "Failed":
        return ""
    return f"{status.get('reason') or 'Failed'}: {status.get('message') or 'no message'}"
