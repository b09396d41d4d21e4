"""G1 to G4: what holds of a Gateway's programs and of generated keys at every moment, whatever fails."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from paceline.gateway import snapshot
from paceline.gateway.envoy.filters import DENY
from paceline.gateway.stamp import Stamp, stamp_of
from tests.examiner.record import Event, Json, ordered

_KEY = re.compile(r'"key": "([^"]+)", "client": "([^"]+)"')


@dataclass(frozen=True)
class Glimpse:
    """A program as an agent got it.

    Attributes:
        gateway: The uid of whose it is.
        admitted: Consumers with the keys by which they are answered: known to the program, and not denied by it.
    """

    gateway: str
    stamp: Stamp
    admitted: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, gateway: str, body: bytes) -> Glimpse:
        """From what the operator answered.

        Raises:
            ValueError: it is no program.
        """
        answer = json.loads(body)
        made = snapshot.parse(json.dumps(answer["program"]).encode())
        denied = made.files[f"{DENY}.json"]
        found = {pair for text in made.files.values() for pair in _KEY.findall(text)}
        admitted = {(client.rpartition(".")[2], key) for key, client in found if f'"{client}"' not in denied}
        return cls(gateway, Stamp(answer["generation"], made.digest), frozenset(admitted))


def stamp_in(obj: Json) -> Stamp | None:
    """The stamp that a ConfigMap holds, if it is one."""
    return stamp_of(obj.get("data"))


def stamps(events: Sequence[Event]) -> Iterator[str]:
    """G1: the number of a Gateway's program never goes back, and another program has another number."""
    last: dict[str, Stamp] = {}
    for event in events:
        stamp = stamp_in(event.object) if event.resource == "configmaps" else None
        if stamp is None or event.type == "DELETED":
            continue
        before = last.get(event.uid, stamp)
        if stamp.generation < before.generation:
            yield f"G1: the number of the program went back from {before.generation} to {stamp.generation}"
        if stamp.generation == before.generation and stamp.digest != before.digest:
            yield f"G1: two programs have the number {stamp.generation}"
        last[event.uid] = stamp


def keys(events: Sequence[Event]) -> Iterator[str]:
    """G2: a generated key is never replaced as long as its Consumer is there."""
    made: dict[str, tuple[str, Json]] = {}
    for event in events:
        if event.resource != "secrets" or event.type == "DELETED":
            continue
        data = event.object.get("data") or {}
        for reference in event.object["metadata"].get("ownerReferences") or ():
            uid, before = made.setdefault(reference["uid"], (event.uid, data))
            if (uid, before) != (event.uid, data):
                yield f"G2: the key in {event.object['metadata']['name']} was replaced"


def misled(events: Iterable[Event], glimpses: Sequence[Glimpse]) -> Iterator[str]:
    """G3: agents get what was numbered before, and nothing older. G4: a key that lost its way in never gets it back.

    G4 is for workloads that give no key back.
    """
    seen = [stamp_in(event.object) for event in ordered(events) if event.resource == "configmaps"]
    held: dict[str, Glimpse] = {}
    lost: set[tuple[str, str, str]] = set()
    for each in glimpses:
        if each.stamp not in seen:
            yield f"G3: an agent got program {each.stamp.generation}, whose number nobody kept"
        before = held.get(each.gateway, each)
        if each.stamp.generation < before.stamp.generation:
            yield f"G3: an agent got program {each.stamp.generation} after {before.stamp.generation}"
        lost |= {(each.gateway, *pair) for pair in before.admitted - each.admitted}
        for name, _ in sorted(pair for pair in each.admitted if (each.gateway, *pair) in lost):
            yield f"G4: program {each.stamp.generation} lets a key of {name} in again"
        held[each.gateway] = each
