"""Builders for the examiner's own tests: a run as a tower would have seen it. Say only what the test is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from paceline.api.names import LABEL_OWNER, LABEL_REVISION, child_name
from tests.examiner.lesson import Lesson, Outcome, learn
from tests.examiner.record import Event, Json
from tests.support.models import merged

HOME = "x-11112222"
NAME = "examined"


def told(generation: int = 1, at: str = "2026-11-24T12:00:00Z", status: str = "True", **conditions: str) -> Json:
    """A status that speaks of a generation, with one condition unless told otherwise."""
    reasons = conditions or {"Progressing": "RolledOut"}
    listed = [
        {"type": kind, "status": status, "reason": reason, "observedGeneration": generation, "lastTransitionTime": at}
        for kind, reason in reasons.items()
    ]
    return {"observedGeneration": generation, "conditions": listed}


@dataclass
class Run:
    """A run in the making; each method adds one event."""

    namespace: str = HOME
    events: list[Event] = field(default_factory=list)
    version: int = 100

    @property
    def child(self) -> str:
        """The name of the children."""
        return child_name(self.namespace, NAME)

    def see(self, resource: str, name: str, type_: str = "ADDED", uid: str = "", **rest: Any) -> Json:
        """An event; the uid is made of the name unless given."""
        self.version += 1
        labels = {} if resource == "modeldeployments" else {LABEL_OWNER: NAME}
        metadata = {
            "name": name,
            "namespace": self.namespace,
            "uid": uid or f"uid-{self.namespace}-{name}-{resource}",
            "resourceVersion": str(self.version),
            "labels": labels,
        }
        obj = merged({"metadata": metadata}, rest)
        self.events.append(Event.of(type_, resource, obj))
        return obj

    def model(self, type_: str = "MODIFIED", generation: int = 1, uid: str = "owner", **rest: Any) -> Json:
        """The model itself."""
        spec = {"replicas": 2, "rollout": {"maxSurge": 1, "maxUnavailable": 0}}
        described = {"metadata": {"generation": generation}, "spec": spec}
        return self.see("modeldeployments", NAME, type_, uid, **merged(described, rest))

    def owned(self, resource: str, type_: str = "ADDED", name: str = "", owner: str = "owner", **rest: Any) -> Json:
        """A child."""
        references = [{"uid": owner, "controller": True}] if owner else []
        described = merged({"metadata": {"ownerReferences": references}}, rest)
        return self.see(resource, name or self.child, type_, **described)

    def revision(self, suffix: str = "aaaa0001", label: str = "bbbb0001", type_: str = "ADDED") -> Json:
        """A ControllerRevision."""
        labels = {LABEL_REVISION: label}
        return self.owned("controllerrevisions", type_, f"{self.child}-{suffix}", metadata={"labels": labels})

    def deployment(self, replicas: int = 2, generation: int = 1, type_: str = "MODIFIED", **rest: Any) -> Json:
        """A Deployment that has rolled out."""
        numbers = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), replicas)
        described = {
            "metadata": {"generation": generation},
            "spec": {"replicas": replicas},
            "status": {"observedGeneration": generation, **numbers},
        }
        return self.owned("deployments", type_, **merged(described, rest))

    def pod(self, name: str = "a", type_: str = "MODIFIED", ready: bool = True, **rest: Any) -> Json:
        """A pod, ready unless told otherwise."""
        conditions = [{"type": "Ready", "status": str(ready)}]
        labels = {LABEL_REVISION: "bbbb0001", "pod-template-hash": "cccc0001"}
        described = {"metadata": {"labels": labels}, "status": {"conditions": conditions}}
        return self.see("pods", f"{self.child}-cccc0001-{name}", type_, **merged(described, rest))

    def settle(self, replicas: int = 2, generation: int = 1) -> None:
        """Everything as it should be."""
        self.deployment(replicas, generation)
        self.model(generation=generation, spec={"replicas": replicas}, status=told(generation))

    def outcome(self, **rest: Any) -> Outcome:
        """What came of it."""
        return Outcome(self.namespace, NAME, self.events, **rest)


def served(namespace: str = HOME) -> Run:
    """A model with two pods that came up without trouble."""
    run = Run(namespace)
    run.model("ADDED")
    for resource in ("serviceaccounts", "services", "poddisruptionbudgets"):
        run.owned(resource)
    run.revision()
    run.deployment(type_="ADDED")
    for name in ("a", "b"):
        run.pod(name, "ADDED", ready=False)
        run.pod(name)
    run.settle()
    return run


def lesson(*runs: Run, **rest: Sequence[Any]) -> Lesson:
    """What two clean runs teach; by default two that are alike."""
    first, second = runs or (served(), served("x-33334444"))
    return learn("create", first.outcome(**rest), second.outcome(**rest))
