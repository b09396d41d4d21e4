"""Two runs of the same workload told in the same words: without what tells one object, or one moment, from another."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from paceline.api.names import GATEWAY_ROLE, LABEL_GATEWAY, LABEL_REVISION, child_name
from paceline.render.gateway.stamp import stamp_name
from tests.examiner.record import Event, Json, Place, final, made_and_gone, ordered

#: Members of metadata that each object has its own of.
_OWN = {
    "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields",
    "generation", "selfLink", "generateName",
}  # fmt: skip
_WORDS = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "UID"),
    (re.compile(r"\bsha256:[0-9a-f]+"), "DIGEST"),
    (re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b"), "IP"),
    # How many programs a gateway had is no part of a state.
    (re.compile(r'"generation": "\d+"'), '"generation": "NUMBER"'),
    (re.compile(r'"generationServed": \d+'), '"generationServed": "NUMBER"'),
    (re.compile(r"\bconfiguration \d+"), "configuration NUMBER"),
)
#: Made by controllers under generated names; those of one revision are alike.
_GENERATED = {"pods", "replicasets"}
_HASH = "pod-template-hash"
#: The one Gateway of a run, where there is one.
DOOR = "door"

#: Plural and canonical name.
Key = tuple[str, str]
Counts = dict[str, dict[Key, int]]


@dataclass(frozen=True)
class Names:
    """What is called otherwise in each namespace, and what it is called here; longer names first."""

    words: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, namespace: str, model: str, events: Iterable[Event]) -> Names:
        """The names of one run. Revisions are numbered in the order in which they were first kept."""
        words = {namespace: "NS", model: "MODEL", child_name(namespace, model): "CHILD"}
        words |= {child_name(namespace, DOOR, GATEWAY_ROLE): "DOOR", stamp_name(namespace, DOOR): "STAMP"}
        known = ordered(events)
        for event in known:
            labels = event.object["metadata"].get("labels") or {}
            name = event.object["metadata"]["name"]
            if event.resource == "controllerrevisions" and name not in words:
                number = f"R{sum(word.startswith('CHILD-R') for word in words.values()) + 1}"
                words[name] = f"CHILD-{number}"
                words.setdefault(labels.get(LABEL_REVISION, name), number)
        for event in known:
            labels = event.object["metadata"].get("labels") or {}
            revision = "DOOR" if LABEL_GATEWAY in labels else words.get(labels.get(LABEL_REVISION, ""), "R?")
            if event.resource in _GENERATED:
                words[event.object["metadata"]["name"]] = f"{event.resource}-of-{revision}"
                if _HASH in labels:
                    words[labels[_HASH]] = f"hash-of-{revision}"
        return cls(tuple(sorted(words.items(), key=lambda pair: -len(pair[0]))))

    def text(self, words: str) -> str:
        """A text in canonical words."""
        for mine, canonical in self.words:
            words = words.replace(mine, canonical)
        for pattern, canonical in _WORDS:
            words = pattern.sub(canonical, words)
        return words

    def key(self, resource: str, obj: Json) -> Key:
        """The canonical key of an object."""
        return resource, self.text(obj["metadata"]["name"])


def canonical(names: Names, obj: Json) -> Json:
    """An object in canonical words."""
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _OWN}
    generation = obj["metadata"].get("generation")
    told: Json = json.loads(names.text(json.dumps({**obj, "metadata": metadata})))
    return _relative(told, generation)


def _relative(value: Any, generation: int | None) -> Any:
    """observedGeneration as a word (how many there were is no part of a state), conditions in order of their types."""
    if isinstance(value, dict):
        return {
            name: ("current" if each == generation else "earlier")
            if name == "observedGeneration"
            else _relative(each, generation)
            for name, each in value.items()
        }
    if not isinstance(value, list):
        return value
    told = [_relative(each, generation) for each in value]
    typed = all(isinstance(each, dict) and "type" in each for each in told)
    return sorted(told, key=lambda each: str(each["type"])) if typed else told  # conditions have no order


def end_state(names: Names, events: Iterable[Event]) -> dict[Key, Json]:
    """What is there at the end. Of pods, which are alike, only how many, and how many of them are ready."""
    state: dict[Key, Json] = {}
    pods: Counter[tuple[Key, str]] = Counter()
    place: Place
    for place, obj in final(events).items():
        key = names.key(place[0], obj)
        if place[0] == "pods":
            pods[key, "total"] += 1
            pods[key, "ready"] += ready(obj)
        else:
            state[key] = canonical(names, obj)
    for (key, what), number in pods.items():
        state.setdefault(key, {})[what] = number
    return state


def ready(pod: Json) -> bool:
    """Whether a pod is ready and stays."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    answers = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return answers and "deletionTimestamp" not in pod["metadata"]


def counts(names: Names, events: Iterable[Event]) -> Counts:
    """Creates, deletes and updates by canonical key."""
    found: dict[str, Counter[Key]] = {"creates": Counter(), "deletes": Counter(), "updates": Counter()}
    for what, event in made_and_gone(events):
        found[what][names.key(event.resource, event.object)] += 1
    return {what: dict(counter) for what, counter in found.items()}


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """A state as one flat table: path to each leaf."""
    if isinstance(value, Mapping) and value:
        return {leaf: each for name, inner in value.items() for leaf, each in leaves(inner, f"{path}/{name}").items()}
    if isinstance(value, list) and value:
        return {leaf: each for i, inner in enumerate(value) for leaf, each in leaves(inner, f"{path}/{i}").items()}
    return {path: value}


def flat(state: Mapping[Key, Json]) -> dict[str, Any]:
    """An end state as one flat table."""
    return leaves({f"{resource} {name}": obj for (resource, name), obj in state.items()})
