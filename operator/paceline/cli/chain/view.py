"""What the chain is built from and what it is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from paceline.api.names import FETCH_ROLE, LABEL_OWNER

Object = Mapping[str, Any]

#: Of a container that waits: its image is not to be had.
IMAGE_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
    }
)

#: Box drawings: programs frame their last words for a terminal.
_FRAMES = re.compile("[\u2500-\u257f]+")


class State(StrEnum):
    """How a link of the chain is."""

    OK = "Ok"
    WAITING = "Waiting"
    FAILED = "Failed"
    NOT_REACHED = "NotReached"


@dataclass(frozen=True)
class Link:
    """One step between the manifest and an answering model.

    Attributes:
        name: The step in a word or two.
        state: How it is.
        text: What was seen, with numbers.
        remedy: What to do; empty where nothing is to be done.
    """

    name: str
    state: State
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class View:
    """A ModelDeployment and all that hangs from it, as the API server gave it.

    Attributes:
        model: The ModelDeployment.
        now: When it was read, in seconds since the epoch.
        pods: Of its engines.
        jobs: What looks its model up.
        lookups: Pods of those Jobs.
        operators: Ready pods of the operator that were seen; None where they could not be looked at.
    """

    model: Object
    now: float
    deployment: Object | None = None
    replicasets: Sequence[Object] = ()
    pods: Sequence[Object] = ()
    jobs: Sequence[Object] = ()
    lookups: Sequence[Object] = ()
    service: Object | None = None
    slices: Sequence[Object] = ()
    events: Sequence[Object] = field(default=(), repr=False)
    operators: int | None = None

    @property
    def name(self) -> str:
        """Name of the ModelDeployment."""
        return str(self.model["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.model["metadata"]["namespace"])

    @property
    def target(self) -> str:
        """What to write after a command to mean this object."""
        return f"mdep/{self.name} -n {self.namespace}"

    @property
    def fetch_selector(self) -> str:
        """Labels of what looks its model up."""
        return f"{LABEL_OWNER}={self.name},app.kubernetes.io/component={FETCH_ROLE}"

    @property
    def held(self) -> bool:
        """Whether no pods are made for this spec, because its model is not known or does not fit."""
        resolved, fits = self.condition("ModelResolved"), self.condition("Fits")
        return resolved.get("status", "True") != "True" or fits.get("status") == "False"

    @property
    def wanted(self) -> int:
        """Replicas that the spec asks for."""
        return int(self.model["spec"].get("replicas", 1))

    @property
    def profile(self) -> str:
        """Name of the hardware profile."""
        return str((self.model["spec"].get("hardware") or {}).get("profile", ""))

    def condition(self, kind: str) -> Object:
        """A condition of the ModelDeployment; empty where it is not there yet."""
        return condition(self.model, kind)

    def newest(self) -> Object | None:
        """The ReplicaSet of the Deployment's current template: the one of the highest revision."""
        return max(self.replicasets, key=_revision, default=None)

    def current_pods(self) -> list[Object]:
        """Pods of the newest ReplicaSet that are not on their way out."""
        newest = self.newest()
        uid = newest["metadata"]["uid"] if newest else None
        alive = [pod for pod in self.pods if not pod["metadata"].get("deletionTimestamp")]
        return [pod for pod in alive if uid is None or uid in _owners(pod)]

    def warning(self, pod: Object) -> str:
        """The message of the newest Warning event about a pod or a Job; empty where there is none."""
        name = pod["metadata"]["name"]
        about = [
            e for e in self.events if e.get("type") == "Warning" and (e.get("involvedObject") or {}).get("name") == name
        ]
        newest = max(about, key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""), default=None)
        return one_line(newest.get("message")) if newest else ""

    def age(self, obj: Object) -> int:
        """Seconds since an object was created."""
        return seconds_since(obj["metadata"].get("creationTimestamp"), self.now)


def condition(obj: Object, kind: str) -> Object:
    """A condition from an object's status; empty where it is missing."""
    found = [c for c in (obj.get("status") or {}).get("conditions") or [] if c.get("type") == kind]
    return found[0] if found else {}


def is_scheduled(pod: Object) -> bool:
    """Whether a pod has a node."""
    return bool(pod["spec"].get("nodeName"))


def refusal_remedy(message: str) -> str:
    """What to do when the API server refuses a pod, read from its words."""
    if "exceeded quota" in message:
        return "raise the namespace's ResourceQuota, or lower spec.replicas or the profile's resources"
    if "violates PodSecurity" in message:
        return "use an engine image and arguments that fit the namespace's Pod Security level"
    if "serviceaccount" in message.lower():
        return "wait for the operator to make the ServiceAccount; if it stays so, `paceline logs operator`"
    return "change what the message names; the pod is tried again by itself"


def seconds_since(moment: str | None, now: float) -> int:
    """Whole seconds between an RFC 3339 time and `now`; 0 where the time is missing."""
    return max(0, int(now - datetime.fromisoformat(moment).timestamp())) if moment else 0


def one_line(text: Any, limit: int = 300) -> str:
    """A message without line breaks and frames, cut to a bearable length."""
    words = " ".join(_FRAMES.sub(" ", str(text or "")).split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def count(number: int, noun: str) -> str:
    """`1 pod`, `3 pods`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _revision(replicaset: Object) -> int:
    annotations = replicaset["metadata"].get("annotations") or {}
    return int(annotations.get("deployment.kubernetes.io/revision", 0))


def _owners(pod: Object) -> set[str]:
    return {owner["uid"] for owner in pod["metadata"].get("ownerReferences") or []}
