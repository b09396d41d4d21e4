"""I1: pods that serve are never fewer than the specs under way allow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from paceline.api.names import LABEL_REVISION
from tests.examiner.canonical import ready
from tests.examiner.record import Event, Json, of_model, ordered


def floor_of(spec: Json) -> int:
    """How many pods must be ready while a rollout or a change of scale of this spec is under way."""
    rollout = spec.get("rollout") or {}
    if rollout.get("strategy") == "Recreate":
        return 0
    return max(0, int(spec.get("replicas", 1)) - int(rollout.get("maxUnavailable", 0)))


@dataclass
class Floor:
    """The floor of one model, event by event.

    Once a model is settled, that many pods are ready. From then on each spec that is asked for may be the one that
    controllers are carrying out, so the lowest of their floors holds, until the newest one is settled in its turn.

    Attributes:
        lowest: What must be ready; None: nothing was settled yet.
        broken: What was wrong, in words.
        checked: Changes of the number of ready pods that were held against a floor.
    """

    lowest: int | None = None
    broken: list[str] = field(default_factory=list)
    checked: int = 0
    _model: Json = field(default_factory=dict)
    _deployment: Json = field(default_factory=dict)
    _pods: dict[str, bool] = field(default_factory=dict)
    _generation: int = 0
    _before: int = 0
    _story: list[str] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Take one event; they come in the API server's order."""
        if not of_model(event):
            return
        if event.resource == "modeldeployments":
            self._take_model(event)
        elif event.resource == "deployments":
            self._deployment = event.object if event.type != "DELETED" else {}
        elif event.resource == "pods":
            self._pods[event.uid] = event.type != "DELETED" and ready(event.object)
        self._tell(event)
        self._check(event)

    def _tell(self, event: Event) -> None:
        """Note what matters of an event, for the failure: specs, sizes, and pods that come and go."""
        spec, metadata = event.object.get("spec") or {}, event.object["metadata"]
        words = ""
        if event.resource == "modeldeployments":
            words = f"asked {metadata['generation']}: {spec.get('replicas')} {spec.get('rollout')}"
        elif event.resource in {"deployments", "replicasets"}:
            label = (metadata.get("labels") or {}).get(LABEL_REVISION) or _label(spec)
            words = f"{event.resource} {metadata.get('generation')}: {spec.get('replicas')} of {label}"
            words += f" {(spec.get('strategy') or {}).get('rollingUpdate', '')}"
        elif event.resource == "pods":
            words = f"pod of {(metadata.get('labels') or {}).get(LABEL_REVISION)}: ready {self._pods[event.uid]}"
        if words and (not self._story or self._story[-1] != words):
            self._story.append(words)

    def _take_model(self, event: Event) -> None:
        metadata = event.object["metadata"]
        if event.type == "DELETED" or "deletionTimestamp" in metadata:
            self.lowest, self._model, self._generation = None, {}, 0
            return
        self._model = event.object
        if metadata["generation"] != self._generation and self.lowest is not None:
            self.lowest = min(self.lowest, floor_of(event.object["spec"]))
        self._generation = metadata["generation"]

    def _check(self, event: Event) -> None:
        count = sum(self._pods.values())
        if settled(self._model, self._deployment) and count == self._model["spec"].get("replicas", 1):
            self.lowest = floor_of(self._model["spec"])
            self._story = self._story[-1:]
        if self.lowest is None:
            return
        self.checked += count != self._before
        if count < self.lowest and count < self._before:
            self.broken.append(
                f"I1: {count} pods are ready, {self.lowest} must be, after {event.type} of {event.resource} "
                f"{event.object['metadata']['name']} at {event.version}; since it was settled: {'; '.join(self._story)}"
            )
        self._before = count


def _label(spec: Json) -> str:
    """The revision of a Deployment's template."""
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    return str(labels.get(LABEL_REVISION, "none"))


def settled(model: Json, deployment: Json) -> bool:
    """Whether operator and Deployment controller have both carried out the newest spec: nothing is under way."""
    if not model or not deployment:
        return False
    status, generation = model.get("status") or {}, model["metadata"]["generation"]
    told = next((one for one in status.get("conditions") or () if one["type"] == "Progressing"), {})
    seen, wanted = deployment.get("status") or {}, model["spec"].get("replicas", 1)
    return (
        told.get("reason") == "RolledOut"
        and told.get("observedGeneration") == generation
        and deployment["spec"]["replicas"] == wanted
        and seen.get("observedGeneration") == deployment["metadata"]["generation"]
        and all(seen.get(name, 0) == wanted for name in ("replicas", "updatedReplicas", "readyReplicas"))
    )


def breaches(events: Iterable[Event]) -> list[str]:
    """Where one model's floor was broken."""
    floor = Floor()
    for event in ordered(events):
        floor.take(event)
    return floor.broken
