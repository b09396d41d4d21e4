"""Every reason that a condition of a Gateway can have."""

from __future__ import annotations

from paceline.api.conditions import (
    ACCEPTED,
    BACKENDS_RESOLVED,
    CREDENTIALS_RESOLVED,
    PROGRAMMED,
    READY,
    TYPES,
    ConditionType,
    Status,
)
from paceline.api.reason import EventType, Reason, reasons_of


def _refused(name: str, meaning: str, remedy: str) -> Reason:
    """A reason for which the spec is not carried out."""
    return Reason(name, ((ACCEPTED, "False"), (READY, "False")), meaning, remedy, "Warning")


def _down(name: str, meaning: str, remedy: str, *, event: EventType = "Warning") -> Reason:
    """A reason for which no pod answers clients."""
    return Reason(name, ((READY, "False"),), meaning, remedy, event)


def _unresolved(name: str, meaning: str, remedy: str, *also: tuple[ConditionType, Status]) -> Reason:
    """A reason for which a route does not get to a backend."""
    return Reason(name, ((BACKENDS_RESOLVED, "False"), *also), meaning, remedy, "Warning")


NOT_YET_OBSERVED = Reason(
    "NotYetObserved",
    tuple((kind, "Unknown") for kind in TYPES["Gateway"]),
    "The operator has not seen this part of the object yet.",
    "Wait a few seconds; if it stays, look whether the operator runs and watches this namespace.",
)

ACCEPTED_AS_WRITTEN = Reason(
    "Accepted",
    ((ACCEPTED, "True"),),
    "The spec is understood, nothing that it claims belongs to an older object, and its children are applied.",
)
AUTHENTICATION_NONE = Reason(
    "AuthenticationNone",
    ((ACCEPTED, "True"),),
    "spec.authentication is None: whoever reaches the Service is answered, without key, budget and limit.",
    "Set spec.authentication to Required, unless this is a demonstration.",
    "Warning",
)
NAMESPACES_UNREAD = Reason(
    "NamespacesUnread",
    ((ACCEPTED, "True"),),
    "spec.allowedConsumers selects namespaces by labels, which the operator may not read. Consumers of other "
    "namespaces are not taken; those of the Gateway's own are.",
    "Select by the label kubernetes.io/metadata.name, or let the administrator install the operator with watch.mode "
    "Cluster.",
    "Warning",
)
INVALID_SPEC = _refused(
    "InvalidSpec",
    "A field of the spec has a value that cannot be carried out; the message names field and value.",
    "Correct the field and apply the object again.",
)
CONFLICTED = Reason(
    "Conflicted",
    ((ACCEPTED, "False"), (READY, "False"), (BACKENDS_RESOLVED, "False")),
    "An older object claims the same: another Gateway the host name or port (Accepted), or another ModelDeployment the "
    "served name of a route that was found by itself (BackendsResolved). The older one has it; the message names both.",
    "Give one of them another host name, port or served name.",
    "Warning",
)
CHILD_CONFLICT = _refused(
    "ChildConflict",
    "An object with the name of a child exists and does not belong to this Gateway. It is left alone.",
    "Delete or rename that object.",
)
APPLY_REFUSED = _refused(
    "ApplyRefused",
    "The API server refused a child: by its validation, by an admission policy, or because the operator may not.",
    "Change what the API server's words name: the spec or the policy; or `paceline enable` the namespace.",
)
QUOTA_EXCEEDED = _refused(
    "QuotaExceeded",
    "A ResourceQuota of the namespace refuses a pod (Ready) or another child (Accepted).",
    "Raise the quota, lower spec.replicas, or remove what else uses it.",
)

PROGRAMMED_AS_WRITTEN = Reason(
    "Programmed", ((PROGRAMMED, "True"),), "Envoy in every pod has accepted the current configuration and serves it."
)
AWAITING_AGENT = Reason(
    "AwaitingAgent",
    ((PROGRAMMED, "False"), (READY, "False"), (CREDENTIALS_RESOLVED, "Unknown")),
    "A pod's agent has not reported yet that it has the current configuration, or which mounted credentials it finds. "
    "Pods that served go on with the configuration that they have.",
    "Wait a few seconds; if it stays, look at the log of the pod's container `agent` and its way to the operator.",
)
UPDATE_REJECTED = Reason(
    "UpdateRejected",
    ((PROGRAMMED, "False"), (READY, "False")),
    "Envoy rejects the current configuration and serves the one before; the message has Envoy's words.",
    "Undo the last change of what Envoy's words name, and report it: a spec that was accepted must not come to this.",
    "Warning",
)

RESOLVED = Reason(
    "Resolved",
    ((BACKENDS_RESOLVED, "True"), (CREDENTIALS_RESOLVED, "True")),
    "Everything that the routes or the listener refer to is there and may be used.",
)
NO_ROUTES = Reason(
    "NoRoutes",
    ((BACKENDS_RESOLVED, "True"),),
    "There is no route yet, so every model name is answered 404.",
    "Add entries to spec.routes, or set spec.routesFrom to AllModelDeployments.",
)
FAILOVER_LIMITED = Reason(
    "FailoverLimited",
    ((BACKENDS_RESOLVED, "True"),),
    "A route has further backends, and an engine before them sends its headers before its first token: what it does "
    "not finish after that is cut off, and not tried elsewhere.",
    "Nothing needs to be done; the message names the routes.",
)
UNPRICED = Reason(
    "Unpriced",
    ((BACKENDS_RESOLVED, "True"),),
    "A backend's model has no price: its usage costs 0, and Consumers with a Hard budget are refused.",
    "Add an entry for the model to spec.prices.",
    "Warning",
)
BACKEND_MISSING = _unresolved(
    "BackendMissing",
    "A route names a ModelDeployment or an adapter that does not exist. It is looked for again.",
    "Create it, or correct the route's backend.",
)
NOT_PERMITTED = _unresolved(
    "NotPermitted",
    "A route names a ModelDeployment of another namespace that is not there or does not consent to it, or whose engine "
    "asks for a key, which pods of this namespace cannot have.",
    "Let its owner name this Gateway's namespace in spec.sharedWith of the ModelDeployment, whose exposure is Cluster.",
)
HOST_NOT_ALLOWED = _unresolved(
    "HostNotAllowed",
    "The host of an External backend is not one that the administrator allows. Nothing is sent to it.",
    "Use an allowed host, which the message names, or let the administrator add this one to the chart's values.",
)
REFERENCE_MISSING = _unresolved(
    "ReferenceMissing",
    "A ConfigMap that a route's promptRef or responseSchemaRef names, or the key in it, is not there. It is looked for "
    "again.",
    "Create it, or correct the route.",
)
REFERENCE_INVALID = _unresolved(
    "ReferenceInvalid",
    "What a route's promptRef or responseSchemaRef names cannot be used: the text is too long, or no JSON Schema.",
    "Correct the ConfigMap; a prompt's new text gets a new version.",
)
NOT_CHECKED = _unresolved(
    "NotChecked",
    "A route has a responseSchemaRef, and nothing is installed that checks answers: its requests are answered 503, and "
    "not with what nobody has checked.",
    "Remove responseSchemaRef, or let the administrator set chart value gateway.adapter.enabled.",
)
NOT_GOVERNED = _unresolved(
    "NotGoverned",
    "spec.governance is Required, and a route has no valid automation level: it is answered 503, code "
    "route_not_governed.",
    "Give the route an AutomationLevel, or set spec.governance to Optional.",
)

SECRET_MISSING = Reason(
    "SecretMissing",
    ((CREDENTIALS_RESOLVED, "False"), (READY, "False")),
    "A Secret that spec.listener.tls or a backend's secretRef names, or the key in it, is not there. Without the "
    "listener's certificate nobody is answered, and Ready says so too.",
    "Create the Secret, or correct what names it.",
    "Warning",
)
SECRET_INVALID = Reason(
    "SecretInvalid",
    ((CREDENTIALS_RESOLVED, "False"), (READY, "False")),
    "A Secret that spec.listener.tls or a backend's secretRef names cannot be used: no certificate with its key, an "
    "expired certificate, or an empty key.",
    "Correct the Secret; it is picked up within a minute.",
    "Warning",
)

SERVING = Reason(
    "Serving", ((READY, "True"),), "At least one pod answers clients, by the current spec; display.pods has the number."
)
SCALED_TO_ZERO = Reason("ScaledToZero", ((READY, "True"),), "spec.replicas is 0: no pod runs, and none should.")
POD_STARTING = _down(
    "PodStarting", "The gateway's pods are being started.", "Wait; it takes some seconds.", event="Normal"
)
POD_NOT_READY = _down(
    "PodNotReady",
    "Pods run, but none is ready: an agent or Envoy does not answer, or has no configuration yet.",
    "Read the logs of the pod's containers `agent` and `envoy`.",
)
POD_CRASHING = _down(
    "PodCrashing",
    "A container of the gateway's pods ends by itself; the message has its exit code and last words.",
    "Read the logs of the pod's containers; where memory was short, lower spec.limits.",
)
IMAGE_PULL_FAILED = _down(
    "ImagePullFailed",
    "A node cannot get an image of the gateway's pods.",
    "Correct the chart's images, or give the nodes access to their registry.",
)
NO_CAPACITY = _down(
    "NoCapacity",
    "No node takes the pods; the message has the scheduler's words.",
    "Free or add nodes, or lower spec.replicas.",
)
POD_REFUSED = _down(
    "PodRefused",
    "An admission policy or a node refuses the pods.",
    "Read the words in the message; change the policy that they name.",
)

ALL: tuple[Reason, ...] = reasons_of(vars())
BY_NAME: dict[str, Reason] = {reason.name: reason for reason in ALL}
