"""I2, I3, I4, I7, I8: what holds at every moment, whatever fails. I1 is in floor.py, G1 to G4 in programs.py."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from paceline.api.names import LABEL_GATEWAY, LABEL_OWNER
from paceline.kube.family import DOORS, MODELS
from tests.examiner import floor, programs
from tests.examiner.record import KINDS, Event, Json, Place, ordered

_APPLIED = frozenset(resource.plural for resource in (*MODELS.applied, *DOORS.applied)) | {"secrets"}
#: ServiceAccount, two ConfigMaps, Service, PodDisruptionBudget and Deployment; their names never change.
_OF_DOOR = 6
#: Besides revisions a model has a ServiceAccount, a Service, a PodDisruptionBudget and a Deployment.
_SINGLE = 4
_FORBIDDEN = ("hostNetwork", "hostPID", "hostIPC")


def owners(obj: Json) -> list[str]:
    """The uids of those who control an object."""
    references = obj["metadata"].get("ownerReferences") or ()
    return [reference["uid"] for reference in references if reference.get("controller")]


def known_owners(events: Iterable[Event]) -> set[str]:
    """The uids of all objects of our kinds that ever were."""
    return {event.uid for event in events if event.resource in KINDS}


def one_owner(events: Sequence[Event]) -> Iterator[str]:
    """I2: a child always has exactly one owner, which exists or existed; at the end one that exists."""
    known, there = known_owners(events), {}
    for event in events:
        if event.type == "DELETED":
            there.pop(event.uid, None)
            continue
        there[event.uid] = event
        if event.resource in _APPLIED:
            found = owners(event.object)
            if len(found) != 1 or found[0] not in known:
                yield f"I2: {_named(event)} is controlled by {found or 'nobody'}, which is no one object of ours"
    for event in there.values():
        if event.resource in _APPLIED and not set(owners(event.object)) & there.keys():
            yield f"I2: {_named(event)} is left over: its owner is gone"


def at_home(events: Sequence[Event], elsewhere: Collection[str]) -> Iterator[str]:
    """I3: no child has an owner of another namespace, whose uids are `elsewhere`."""
    for event in events:
        for uid in owners(event.object):
            if uid in elsewhere:
                yield f"I3: {_named(event)} belongs to {uid} of another namespace"


def only_forward(events: Sequence[Event]) -> Iterator[str]:
    """I4: observedGeneration never goes back, and lastTransitionTime only changes with a condition's status."""
    before: dict[str, Json] = {}
    for event in events:
        if event.resource not in KINDS or event.type == "DELETED":
            continue
        status = event.object.get("status") or {}
        earlier = before.get(event.uid, {})
        if status.get("observedGeneration", 0) < earlier.get("observedGeneration", 0):
            yield f"I4: observedGeneration of {_named(event)} went back to {status.get('observedGeneration', 0)}"
        known = {one["type"]: one for one in earlier.get("conditions") or ()}
        for one in status.get("conditions") or ():
            old = known.get(one["type"], one)
            if old["status"] == one["status"] and old["lastTransitionTime"] != one["lastTransitionTime"]:
                yield f"I4: {one['type']} of {_named(event)} kept its status and got another lastTransitionTime"
            if one.get("observedGeneration", 0) < old.get("observedGeneration", 0):
                yield f"I4: observedGeneration of {one['type']} of {_named(event)} went back"
        before[event.uid] = status


def few(events: Sequence[Event]) -> Iterator[str]:
    """I7: a model never has more objects than its history allows: some revisions besides those that pods may run."""
    yield from _too_many(events)
    yield from _too_many_of_a_door(events)


def _too_many(events: Sequence[Event]) -> Iterator[str]:
    there: dict[Place, Event] = {}
    limit = 0
    for event in events:
        if event.resource == "modeldeployments":
            rollout = event.object["spec"].get("rollout") or {}
            pods = event.object["spec"].get("replicas", 1) + rollout.get("maxSurge", 1)
            limit = max(limit, _SINGLE + 1 + pods + rollout.get("revisionHistoryLimit", 5))
        if event.resource not in _APPLIED or LABEL_OWNER not in _labels(event):
            continue
        if event.type == "DELETED":
            there.pop(event.place, None)
            continue
        there[event.place] = event
        if len(there) > limit:
            yield f"I7: {len(there)} objects, at most {limit} should be: {_named(event)} is one too many"


def _too_many_of_a_door(events: Sequence[Event]) -> Iterator[str]:
    there: set[Place] = set()
    for event in events:
        if event.resource in _APPLIED and LABEL_GATEWAY in _labels(event) and event.place not in there:
            there.add(event.place)
            if len(there) > _OF_DOOR:
                yield f"I7: {len(there)} names of a Gateway's objects, at most {_OF_DOOR} should be: {_named(event)}"


def _labels(event: Event) -> Json:
    found: Json = event.object["metadata"].get("labels") or {}
    return found


def restricted(events: Sequence[Event]) -> Iterator[str]:
    """I8: nothing that was made ever asked for the node's rights."""
    for event in events:
        spec = event.object.get("spec") or {}
        data = event.object.get("data") or {}
        for pod in (spec if event.resource == "pods" else {}, _template(spec), _template(data)):
            for word in dangerous(pod):
                yield f"I8: {_named(event)} asks for {word}"


def dangerous(pod: Json) -> list[str]:
    """What a pod spec asks for and must not."""
    found = [name for name in _FORBIDDEN if pod.get(name)]
    found += ["hostPath" for volume in pod.get("volumes") or () if "hostPath" in volume]
    for container in (*(pod.get("initContainers") or ()), *(pod.get("containers") or ())):
        context = container.get("securityContext") or {}
        found += [name for name in ("privileged", "allowPrivilegeEscalation") if context.get(name)]
        found += ["hostPort" for port in container.get("ports") or () if port.get("hostPort")]
    return found


def _template(holder: Json) -> Json:
    """The pod spec of a template, if there is one."""
    template: Any = holder.get("template")
    return (template.get("spec") or {}) if isinstance(template, dict) else {}


def _named(event: Event) -> str:
    return f"{event.resource} {event.object['metadata']['name']}"


CHECKS: tuple[Callable[[Sequence[Event]], Iterable[str]], ...] = (
    floor.breaches, one_owner, only_forward, few, restricted, programs.stamps, programs.keys,
)  # fmt: skip


def violations(events: Iterable[Event], elsewhere: Collection[str] = ()) -> list[str]:
    """Everything that did not hold in one namespace, each once."""
    known = ordered(events)
    found = [words for check in CHECKS for words in check(known)]
    return list(dict.fromkeys([*found, *at_home(known, elsewhere)]))
