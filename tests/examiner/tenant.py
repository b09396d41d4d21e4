"""A model in its namespace, with the eyes of its user and of the tower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from paceline.kube.resources import MODELDEPLOYMENTS
from tests.examiner.floor import settled
from tests.examiner.record import Event, Json, of_model, ours
from tests.examiner.tower import Tower
from tests.support.objects import Objects
from tests.support.operator_process import NOWHERE
from tests.support.product import condition, modeldeployment

MODEL = "examined"
#: Machines that kwok pretends to be; their pods are ready as soon as they are placed.
FAKE = {
    "name": "fake",
    "nodeSelector": {"type": "kwok"},
    "tolerations": [
        {"key": taint, "operator": "Exists", "effect": "NoSchedule"}
        for taint in ("kwok.x-k8s.io/node", "nvidia.com/gpu")
    ],
    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
}
PROFILES = [FAKE, NOWHERE]
_CHILDREN = ("serviceaccounts", "services", "poddisruptionbudgets", "controllerrevisions", "deployments")


def manifest(namespace: str, *, image: str = "1", args: tuple[str, ...] = (), **spec: Any) -> Json:
    """The model of a run: two replicas on fake machines, unless told otherwise."""
    defaults = {
        "replicas": 2,
        "model": {"uri": f"image://localhost/examined:{image}"},
        "hardware": {"profile": "fake"},
        "engine": {"args": list(args), "custom": {"inference": "None"}},
        "lifecycle": {"drainSeconds": 1},
    }
    return modeldeployment(MODEL, namespace, **defaults | spec)


@dataclass
class Tenant:
    """One model.

    Attributes:
        asked: uid and generation of the spec that was asked for last; None: the model was deleted.
    """

    namespace: str
    objects: Objects
    tower: Tower
    asked: tuple[str, int] | None = None

    # What users do.

    def want(self, **spec: Any) -> None:
        """Ask for a spec."""
        answer = self.objects.apply(manifest(self.namespace, **spec))["metadata"]
        self.asked = answer["uid"], answer["generation"]

    def delete(self) -> None:
        """Delete the model."""
        self.objects.delete(MODELDEPLOYMENTS, self.namespace, MODEL)
        self.asked = None

    # What is seen.

    def all(self, plural: str) -> list[Json]:
        """The objects of a kind that are the model's."""
        state = self.tower.state(self.namespace)
        return [obj for (kind, _), obj in state.items() if kind == plural and of_model(Event(0, "", kind, obj))]

    def served(self) -> bool:
        """Whether the spec that was asked for last is carried out, by all accounts."""
        found = next(iter(self.all("modeldeployments")), {})
        deployments = self.all("deployments")
        if not found or len(deployments) != 1:
            return False
        metadata = found["metadata"]
        return (
            (metadata["uid"], metadata["generation"]) == self.asked
            and settled(found, deployments[0])
            and condition(found, "Ready").get("status") == "True"
            and condition(found, "Ready")["observedGeneration"] == metadata["generation"]
            and len(self.all("pods")) == found["spec"]["replicas"] == found["status"].get("readyReplicas")
            and all(self._owned(plural, metadata["uid"]) for plural in _CHILDREN)
        )

    def _owned(self, plural: str, uid: str) -> bool:
        found = self.all(plural)
        return bool(found) and all(each["metadata"]["ownerReferences"][0]["uid"] == uid for each in found)

    def stuck(self) -> bool:
        """Whether the operator says that a rollout is under way, and a pod of it waits."""
        found = next(iter(self.all("modeldeployments")), {})
        waiting = [pod for pod in self.all("pods") if not pod["spec"].get("nodeName")]
        seen = condition(found, "Progressing").get("observedGeneration")
        return bool(waiting) and self.asked is not None and seen == self.asked[1]

    def told(self) -> Json:
        """What everybody says of the model, for failures."""
        pods = [(pod["metadata"].get("deletionTimestamp"), pod.get("status")) for pod in self.all("pods")]
        others = {kind: [one.get("status") for one in self.all(kind)] for kind in ("modeldeployments", "deployments")}
        return {"asked": self.asked, "pods": pods, **others}

    def empty(self) -> bool:
        """Whether nothing is left of the model."""
        state = self.tower.state(self.namespace)
        return not any(ours(Event(0, "", kind, obj)) for (kind, _), obj in state.items())
