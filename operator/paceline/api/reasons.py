"""Every reason a condition can have, with meaning and remedy: the one source of conditions and of their page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from paceline.api.conditions import ACCEPTED, AVAILABLE, PROGRESSING, READY, ConditionType, Status

EventType = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason and where it may stand.

    Attributes:
        name: CamelCase, as written into conditions.
        shows: The pairs of condition type and status that carry it.
        meaning: One sentence for the page of conditions.
        remedy: One sentence, also the end of the condition's message. "" where nothing is to be done.
        event: Type of the Event on the transition to this reason.
    """

    name: str
    shows: tuple[tuple[ConditionType, Status], ...]
    meaning: str
    remedy: str = ""
    event: EventType = "Normal"


def _down(name: str, meaning: str, remedy: str, *, event: EventType = "Warning") -> Reason:
    """A reason for which a model does not answer, or its newest revision does not."""
    return Reason(name, ((AVAILABLE, "False"), (READY, "False")), meaning, remedy, event)


def _refused(name: str, meaning: str, remedy: str) -> Reason:
    """A reason for which the spec is not carried out."""
    shows: tuple[tuple[ConditionType, Status], ...] = ((ACCEPTED, "False"), (READY, "False"), (PROGRESSING, "False"))
    return Reason(name, shows, meaning, remedy, "Warning")


NOT_YET_OBSERVED = Reason(
    "NotYetObserved",
    ((READY, "Unknown"), (AVAILABLE, "Unknown"), (ACCEPTED, "Unknown"), (PROGRESSING, "Unknown")),
    "The operator has not seen this part of the object yet.",
    "Wait a few seconds; if it stays, look whether the operator runs and watches this namespace.",
)

ACCEPTED_AS_WRITTEN = Reason("Accepted", ((ACCEPTED, "True"),), "The spec is understood and its children are applied.")
UNKNOWN_PROFILE = _refused(
    "UnknownProfile",
    "spec.hardware.profile names no profile of this operator. What was applied before keeps serving.",
    "Use a profile that the message names, or add this one to the chart value `profiles`.",
)
UNSUPPORTED_BATCHING = _refused(
    "UnsupportedBatching",
    "The engine cannot batch as spec.engine.batching asks.",
    "Remove spec.engine.batching or complete it as the message says.",
)
INVALID_SPEC = _refused(
    "InvalidSpec",
    "A field of the spec has a value that cannot be carried out; the message names field and value.",
    "Correct the field and apply the object again.",
)
CHILD_CONFLICT = _refused(
    "ChildConflict",
    "An object with the name of a child exists and does not belong to this ModelDeployment. It is left alone.",
    "Delete or rename that object.",
)
APPLY_REFUSED = _refused(
    "ApplyRefused",
    "The API server refused a child: by its validation, by an admission policy, or because the operator may not.",
    "Change what the API server's words name: the spec, the profile, the policy; or `paceline enable` the namespace.",
)

ROLLOUT_IN_PROGRESS = Reason(
    "RolloutInProgress",
    ((PROGRESSING, "True"), (READY, "False")),
    "A new revision or more replicas are being brought up; what answered before still does, if Available is True.",
)
ROLLED_OUT = Reason(
    "RolledOut", ((PROGRESSING, "False"),), "All replicas are of the current revision; nothing is being changed."
)
PENDING_DRIFT = Reason(
    "PendingDrift",
    ((PROGRESSING, "False"),),
    "All replicas are of the current revision, which this release of the operator, or the profile as it is now, would "
    "render otherwise. The message says what differs. No pod is restarted for it.",
    "Nothing needs to be done; to take it over, change the spec or set spec.rollout.onOperatorUpgrade to Auto.",
)
PROGRESS_DEADLINE_EXCEEDED = Reason(
    "ProgressDeadlineExceeded",
    ((PROGRESSING, "False"), (READY, "False")),
    "The rollout made no progress for spec.rollout.progressDeadlineSeconds. It is still being tried.",
    "Read the condition Ready and `paceline explain` for the cause, or raise spec.rollout.progressDeadlineSeconds.",
    "Warning",
)

ANSWERING = Reason(
    "Answering", ((AVAILABLE, "True"), (READY, "True")), "At least one replica answered its last test request."
)
NOT_PROBED = Reason(
    "NotProbed",
    ((AVAILABLE, "True"), (READY, "True")),
    "spec.engine.custom.inference is None, so pod readiness is all that is known: at least one pod is ready.",
)
SCALED_TO_ZERO = Reason(
    "ScaledToZero", ((AVAILABLE, "True"), (READY, "True")), "spec.replicas is 0: no engine runs, and none should."
)
PROBE_PENDING = Reason(
    "ProbePending",
    ((AVAILABLE, "Unknown"), (READY, "Unknown")),
    "Pods are ready, but no test request to them has ended lately, so it is not known whether the model answers.",
    "Wait for the next test request; if it stays, look at the operator's log and its network policy.",
)

IMAGE_PULL_FAILED = _down(
    "ImagePullFailed",
    "A node cannot get the engine's image.",
    "Correct the image's name in spec.model.uri or spec.engine.image, or give the nodes access to its registry.",
)
ENGINE_CRASHING = _down(
    "EngineCrashing",
    "The engine's process ends by itself; the message has its exit code and last words.",
    "Read `paceline logs`; correct what the engine's last words name, such as spec.engine.args.",
)
ENGINE_OUT_OF_MEMORY = _down(
    "EngineOutOfMemory",
    "The engine was killed because it used more memory than its limit.",
    "Raise the profile's memory limit, choose a larger profile, or make the engine use less.",
)
ENGINE_CANNOT_START = _down(
    "EngineCannotStart",
    "The node cannot make or start the engine's container, for example because its command is not in the image.",
    "Correct spec.engine.custom.command, or what the node's words name.",
)
ENGINE_STARTING = _down(
    "EngineStarting",
    "The engine is being started or loads its model.",
    "Wait; spec.lifecycle.startupSeconds says for how long.",
    event="Normal",
)
ENGINE_NOT_READY = _down(
    "EngineNotReady",
    "The engine runs, but its readiness path does not answer 200: never within startupSeconds, or no longer.",
    "Read `paceline logs`; raise spec.lifecycle.startupSeconds if it only needs longer, or correct the port and path.",
)
ENGINE_NOT_ANSWERING = _down(
    "EngineNotAnswering",
    "Pods are ready, but the test request to the model fails.",
    "Read the answer in the message and `paceline logs`; check spec.model.task and spec.model.servedName.",
)
_SHORT: tuple[tuple[ConditionType, Status], ...] = ((AVAILABLE, "False"), (READY, "False"), (PROGRESSING, "False"))
NO_CAPACITY = Reason(
    "NoCapacity",
    _SHORT,
    "No node takes the pod; the message has the scheduler's words. In Progressing: the other replicas serve.",
    "Free or add nodes with the profile's accelerators and labels, lower spec.replicas, or choose another profile.",
    "Warning",
)
QUOTA_EXCEEDED = Reason(
    "QuotaExceeded",
    ((AVAILABLE, "False"), (READY, "False"), (ACCEPTED, "False"), (PROGRESSING, "False")),
    "A ResourceQuota of the namespace refuses a pod (Available, Ready, Progressing) or another child (Accepted).",
    "Raise the quota, lower spec.replicas, or remove what else uses it.",
    "Warning",
)
POD_REFUSED = Reason(
    "PodRefused",
    _SHORT,
    "An admission policy or a node refuses the pod. In Progressing: the other replicas serve.",
    "Read the words in the message; change the policy or the profile that they name.",
    "Warning",
)

ALL: tuple[Reason, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Reason))
BY_NAME: dict[str, Reason] = {reason.name: reason for reason in ALL}


def event_type(name: str) -> EventType:
    """Type of the Event for a transition to this reason; Warning for reasons of other making."""
    reason = BY_NAME.get(name)
    return reason.event if reason else "Warning"
