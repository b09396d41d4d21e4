"""What of a change the Deployment is told now.

Where nothing is under way, all at once. In the middle of a rollout the Deployment controller (seen with Kubernetes
1.35) counts pods as available that it has just told a ReplicaSet to end, when that ReplicaSet becomes the new one
again, and ends one too many; and it forgets a rollout whose only ReplicaSet with pods happens to have the wanted number
already, but was scaled for another. So there the Deployment is paused first; once the ReplicaSets have caught up it is
told the new number, and once they have caught up again the new template.
"""

from __future__ import annotations

from dataclasses import dataclass

from paceline.decide.observation import DeploymentView, ReplicaSetView


@dataclass(frozen=True, slots=True)
class Step:
    """What the Deployment is told.

    Attributes:
        revision: Label of the template.
        replicas: Pods.
        paused: Nothing is rolled out meanwhile.
        last: There is nothing more to tell.
    """

    revision: str
    replicas: int
    paused: bool = False
    last: bool = True


Sets = tuple[ReplicaSetView, ...]


def step(live: DeploymentView | None, sets: Sets | None, revision: str, replicas: int) -> Step:
    """The next step towards a template and a number of pods.

    Args:
        live: The Deployment as it was seen last; None while there is none.
        sets: Its ReplicaSets while it is paused; None where they may not be read: then it is told all at once.
        revision: Label of the wanted template.
        replicas: The wanted number of pods.
    """
    wanted = Step(revision, replicas)
    if live is None or _harmless(live, revision, replicas) or (live.paused and sets is None):
        return wanted
    if not live.noticed or (sets is not None and not _caught_up(live, sets)):
        return Step(live.revision, live.replicas, live.paused, last=False)
    if not live.paused:
        return Step(live.revision, live.replicas, paused=True, last=False)
    if live.replicas == replicas:
        return wanted
    if _forgotten(sets or (), replicas):  # it goes on until another ReplicaSet has pods
        return Step(revision, live.replicas, last=False)
    return Step(live.revision, replicas, paused=True, last=False)


def _harmless(live: DeploymentView, revision: str, replicas: int) -> bool:
    """Whether all may be told at once: nothing new, nothing under way, or just a number of pods of the same kind."""
    if not live.observed_generation:  # its controller has made no pod yet
        return True
    if live.paused:
        return False
    alone = live.noticed and live.updated == live.total == live.replicas
    same = live.revision == revision
    return (same and (live.replicas == replicas or alone)) or (alone and live.ready == live.available == live.replicas)


def _caught_up(live: DeploymentView, sets: Sets) -> bool:
    """What the ReplicaSets say of themselves is true, and the Deployment controller has read it.

    A ReplicaSet that was told to end pods first says so of its old count: hence the comparison with what is wanted.
    """
    return (
        all(one.noticed and one.total <= one.replicas for one in sets)
        and sum(one.total for one in sets) == live.total
        and sum(one.available for one in sets) == live.available
    )


def _forgotten(sets: Sets, replicas: int) -> bool:
    """Whether the controller would take such a change of scale for one that is never done."""
    active = [one for one in sets if one.replicas]
    return len(active) == 1 and active[0].replicas == replicas != active[0].scaled_for
