"""What was seen of one namespace, event by event, in the order of the API server.

resourceVersions count all changes of all kinds, so events of several watches can be put into one order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from paceline.api.names import LABEL_GATEWAY, LABEL_OWNER
from paceline.kube.family import FAMILIES

Json = dict[str, Any]
#: Plurals of our kinds.
KINDS = frozenset(family.itself.plural for family in FAMILIES)
_KIND_NAMES = frozenset(family.itself.kind for family in FAMILIES)
#: Plural and name.
Place = tuple[str, str]


@dataclass(frozen=True)
class Event:
    """One watch event.

    Attributes:
        version: resourceVersion of the object after it.
        type: ADDED, MODIFIED or DELETED.
        resource: Plural.
        at: Reading of CLOCK_MONOTONIC when it was read.
    """

    version: int
    type: str
    resource: str
    object: Json
    at: float = 0.0

    @classmethod
    def of(cls, type_: str, resource: str, obj: Json, at: float = 0.0) -> Event:
        """An event from its frame."""
        return cls(int(obj["metadata"]["resourceVersion"]), type_, resource, obj, at)

    @property
    def place(self) -> Place:
        """Where its object is."""
        return self.resource, self.object["metadata"]["name"]

    @property
    def uid(self) -> str:
        """Its object's uid."""
        return str(self.object["metadata"]["uid"])


def ours(event: Event) -> bool:
    """Whether it is about an object of our kinds or something that was made for one."""
    metadata = event.object["metadata"]
    labels = metadata.get("labels") or {}
    if event.resource in KINDS or LABEL_OWNER in labels or LABEL_GATEWAY in labels:
        return True
    # A generated key has no label of its owner: nobody lists Secrets.
    references = metadata.get("ownerReferences") or ()
    return event.resource == "secrets" and any(one.get("kind") in _KIND_NAMES for one in references)


def of_model(event: Event) -> bool:
    """Whether it is about a model or something that was made for one."""
    return event.resource == "modeldeployments" or LABEL_OWNER in (event.object["metadata"].get("labels") or {})


def ordered(events: Iterable[Event]) -> list[Event]:
    """The events that are ours, in the API server's order."""
    return sorted((event for event in events if ours(event)), key=lambda event: event.version)


def final(events: Iterable[Event]) -> dict[Place, Json]:
    """What is there after all events."""
    there: dict[Place, Json] = {}
    for event in ordered(events):
        if event.type == "DELETED":
            there.pop(event.place, None)
        else:
            there[event.place] = event.object
    return there


def made_and_gone(events: Iterable[Event]) -> Iterator[tuple[str, Event]]:
    """`creates` and `deletes` with their events; an object counts once for its whole life."""
    seen: Counter[str] = Counter()
    for event in ordered(events):
        if event.type == "DELETED":
            yield "deletes", event
        elif not seen[event.uid]:
            yield "creates", event
        else:
            yield "updates", event
        seen[event.uid] += 1
