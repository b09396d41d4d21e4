"""Every reason that a condition of a ModelDeployment can have: the one source of conditions and of their page."""

from __future__ import annotations

from paceline.api.conditions import (
    ACCEPTED,
    AVAILABLE,
    FITS,
    MODEL_RESOLVED,
    PROGRESSING,
    READY,
    SLO_MET,
    ConditionType,
    Status,
)
from paceline.api.reason import EventType, Reason, reasons_of


def _down(name: str, meaning: str, remedy: str, *, event: EventType = "Warning") -> Reason:
    """A reason for which a model does not answer, or its newest revision does not."""
    return Reason(name, ((AVAILABLE, "False"), (READY, "False")), meaning, remedy, event)


def _refused(name: str, meaning: str, remedy: str) -> Reason:
    """A reason for which the spec is not carried out."""
    shows: tuple[tuple[ConditionType, Status], ...] = ((ACCEPTED, "False"), (READY, "False"), (PROGRESSING, "False"))
    return Reason(name, shows, meaning, remedy, "Warning")


NOT_YET_OBSERVED = Reason(
    "NotYetObserved",
    tuple((kind, "Unknown") for kind in (READY, AVAILABLE, ACCEPTED, MODEL_RESOLVED, FITS, PROGRESSING, SLO_MET)),
    "The operator has not seen this part of the object yet.",
    "Wait a few seconds; if it stays, look whether the operator runs and watches this namespace.",
)

ACCEPTED_AS_WRITTEN = Reason("Accepted", ((ACCEPTED, "True"),), "The spec is understood and its children are applied.")
BYPASSABLE = Reason(
    "Bypassable",
    ((ACCEPTED, "True"),),
    "Whoever reaches the Service is answered without keys and budgets: spec.exposure is Cluster, or it is Auto and a "
    "Gateway serves the model.",
    "Set spec.exposure to GatewayOnly, so that the engine asks for a key, or admit it alone by a NetworkPolicy.",
)
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


def _unresolved(name: str, meaning: str, remedy: str) -> Reason:
    """A reason for which the model's source cannot be used."""
    shows: tuple[tuple[ConditionType, Status], ...]
    shows = ((MODEL_RESOLVED, "False"), (READY, "False"), (PROGRESSING, "False"), (AVAILABLE, "False"))
    return Reason(name, shows, meaning, remedy, "Warning")


RESOLVED = Reason(
    "Resolved",
    ((MODEL_RESOLVED, "True"),),
    "It is known which files are served: the message has their commit and size. Engines that bring their model along "
    "have nothing to look up.",
)
RESOLVING = Reason(
    "Resolving",
    ((MODEL_RESOLVED, "Unknown"), (READY, "False"), (PROGRESSING, "True")),
    "The model's source is being looked up by a Job; what was applied before keeps serving.",
    "Wait; if it stays, look at the Job's pod, which the message names.",
)
SOURCE_NOT_FOUND = _unresolved(
    "SourceNotFound",
    "The source has no such repository, revision, folder or file.",
    "Correct spec.model.uri, spec.model.revision or spec.model.file.",
)
SOURCE_UNAUTHORIZED = _unresolved(
    "SourceUnauthorized",
    "The source refuses the credentials, or wants some; or the Secret of secretRef is not there.",
    "Correct the Secret that spec.model.secretRef names; for a gated repository accept its terms first.",
)
SOURCE_UNREACHABLE = _unresolved(
    "SourceUnreachable",
    "The source does not answer. It is tried again.",
    "Check the network of the cluster, its proxy and the chart value `fetch.env`.",
)
SOURCE_REFUSED = _unresolved(
    "SourceRefused",
    "The source leads where nothing is fetched from: a private address, or a file outside the model's folder.",
    "Use a public source, or let the administrator allow its network in the chart value `fetch.allowedNetworks`.",
)
SOURCE_INVALID = _unresolved(
    "SourceInvalid",
    "The files of the source are not what an engine can serve safely.",
    "Use a source with safetensors or GGUF files, or choose one with spec.model.file.",
)
SOURCE_CHANGED = _unresolved(
    "SourceChanged",
    "The source no longer has what was resolved for this revision.",
    "Change the spec (spec.model.revision, for example) to resolve it anew, or bring the files back.",
)
DIGEST_MISMATCH = _unresolved(
    "DigestMismatch",
    "A file that arrived is not the file that the source announced.",
    "Try again; if it stays, the source or something on the way to it changes files.",
)
DISK_FULL = _unresolved(
    "DiskFull",
    "The files do not fit where they are to be kept.",
    "Give the node or the claim of spec.model.cache.sharedVolume more space, or use a smaller model.",
)
REFERENCE_MISSING = _unresolved(
    "ReferenceMissing",
    "A Secret, ConfigMap or PersistentVolumeClaim that the model names, or the key in it, is not there. It is looked "
    "for again.",
    "Create it, or correct what names it: spec.model.secretRef, chatTemplateRef, cache.sharedVolume or uri.",
)
FOLDER_TAKEN = _unresolved(
    "FolderTaken",
    "The model's folder on the shared volume holds something else, or lost some of its files.",
    "Delete that folder below paceline/models while no engine reads it; it is fetched again.",
)
FOLDER_UNUSABLE = _unresolved(
    "FolderUnusable",
    "The volume for the model's files cannot be written.",
    "Correct its owner or mode: its driver must heed fsGroup, or it must belong to the engine's user.",
)
FETCH_FAILED = _unresolved(
    "FetchFailed",
    "The pod that looks up or fetches the model ended without saying why, or cannot run.",
    "Read the pod's log and events; check the image that the chart gives in `images.fetch`.",
)
CHAT_TEMPLATE_DIFFERS = _unresolved(
    "ChatTemplateDiffers",
    "The chat template of spec.model.chatTemplateRef is not the one of the model's tokenizer.",
    "Correct the ConfigMap, use another model, or remove spec.model.chatTemplateRef.",
)
#: What a fetch says of itself, the causes that a person must deal with first.
UNFETCHED = (
    SOURCE_UNAUTHORIZED,
    SOURCE_NOT_FOUND,
    SOURCE_REFUSED,
    SOURCE_INVALID,
    SOURCE_CHANGED,
    DIGEST_MISMATCH,
    DISK_FULL,
    REFERENCE_MISSING,
    FOLDER_TAKEN,
    FOLDER_UNUSABLE,
    SOURCE_UNREACHABLE,
    CHAT_TEMPLATE_DIFFERS,
    FETCH_FAILED,
)

MEMORY_SUFFICES = Reason(
    "MemorySuffices", ((FITS, "True"),), "Weights, keys and values fit the accelerators; the message has the numbers."
)
SIZE_UNKNOWN = Reason(
    "SizeUnknown",
    ((FITS, "Unknown"),),
    "A number is missing to say whether the model fits: of the model, or of the profile. It is tried.",
    "Set spec.model.parameterCount, or memoryGiB of the profile.",
)


def _unfitting(name: str, meaning: str, remedy: str) -> Reason:
    """A reason for which a model gets no pod."""
    shows: tuple[tuple[ConditionType, Status], ...]
    shows = ((FITS, "False"), (READY, "False"), (PROGRESSING, "False"), (AVAILABLE, "False"))
    return Reason(name, shows, meaning, remedy, "Warning")


DOES_NOT_FIT = _unfitting(
    "DoesNotFit",
    "The model needs more memory than the accelerators of a replica have. No pod is made for it.",
    "Do what the message says: another profile, more accelerators, a shorter context, or a smaller model.",
)
NO_FITTING_NODE = _unfitting(
    "NoFittingNode",
    "No node of the cluster could take one replica, even if nothing else ran there, and on a profile of capacity Fixed "
    "none comes by itself. No pod is made for it. Counted where the operator may see nodes, for revisions not yet "
    "applied.",
    "Add such a node, lower spec.hardware.count, or choose another profile; it is looked at every 15 seconds.",
)
QUOTA_TOO_SMALL = _unfitting(
    "QuotaTooSmall",
    "A ResourceQuota of the namespace allows less than one replica needs, even if nothing else uses it. No pod is made "
    "for it. Counted for revisions not yet applied.",
    "Raise the quota, lower spec.hardware.count, or choose another profile; it is looked at every 15 seconds.",
)
#: Why a model gets no pod.
UNFITTING = (DOES_NOT_FIT, NO_FITTING_NODE, QUOTA_TOO_SMALL)

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
    "No test request is made, because spec.engine.custom.inference is None or the engine asks for a key "
    "(spec.exposure: GatewayOnly); pod readiness is all that is known: at least one pod is ready.",
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
NODE_LOST = _down(
    "NodeLost",
    "The node of the engine reports no more (its kubelet, its network, or the machine is gone).",
    "Bring the node back or delete it; after five minutes Kubernetes replaces its pods where another node has room.",
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

OBJECTIVE_MET = Reason(
    "ObjectiveMet",
    ((SLO_MET, "True"),),
    "Of the requests of the last 5 minutes at least spec.slo.objectivePercent met every target.",
)
OBJECTIVE_MISSED = Reason(
    "ObjectiveMissed",
    ((SLO_MET, "False"),),
    "Of the requests of the last 5 minutes fewer than spec.slo.objectivePercent met every target. Errors, time-outs "
    "and requests that found no engine meet none.",
    "Compare status.slo with spec.slo; add replicas if engines are full, or read `paceline logs` if requests fail.",
    "Warning",
)
NO_OBJECTIVE = Reason(
    "NoObjective",
    ((SLO_MET, "Unknown"),),
    "spec.slo is not set, so nothing is held against it.",
    "Set spec.slo to have requests held against targets.",
)
NO_GATEWAY = Reason(
    "NoGateway",
    ((SLO_MET, "Unknown"),),
    "No Gateway serves the model. Engines measure times, but not which request met its targets.",
    "Let a route of a Gateway lead to the model.",
)
TOO_FEW_REQUESTS = Reason(
    "TooFewRequests",
    ((SLO_MET, "Unknown"),),
    "In the last 5 minutes there were fewer requests than spec.slo.minRequests; a share of so few says little.",
    "Nothing needs to be done; for a model that is asked rarely lower spec.slo.minRequests.",
)
LEDGER_UNREACHABLE = Reason(
    "LedgerUnreachable",
    ((SLO_MET, "Unknown"),),
    "The ledger, which counts, has told the operator nothing for 3 minutes. status.slo keeps what it told last.",
    "Look at the ledger's pods and log, and at the operator's.",
)

ALL: tuple[Reason, ...] = reasons_of(vars())
BY_NAME: dict[str, Reason] = {reason.name: reason for reason in ALL}
