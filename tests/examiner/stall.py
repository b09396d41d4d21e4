"""A rollout that Kubernetes itself forgets: seen with 1.35.4, whoever writes the Deployment.

A ReplicaSet carries the number of replicas that its Deployment wanted when it was last scaled, as an annotation. Where
that differs from the Deployment's, the controller only scales, and rolls nothing out; and where there is a single
ReplicaSet with pods that already has the wanted number, it does not scale either, so that the annotation stays. A
change of replicas and template in one write, while a rollout is under way, can lead there. The next change of replicas
leads out of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.examiner.record import Json

_WANTED = "deployment.kubernetes.io/desired-replicas"


def stalled(deployment: Json, replicasets: Iterable[Json]) -> bool:
    """Whether a Deployment is in that state."""
    wanted = deployment["spec"]["replicas"]
    active = [one for one in replicasets if one["spec"].get("replicas")]
    return len(active) == 1 and active[0]["spec"]["replicas"] == wanted and _noted(active[0]) not in {None, str(wanted)}


def _noted(replicaset: Json) -> str | None:
    return (replicaset["metadata"].get("annotations") or {}).get(_WANTED)
