"""Every reason that a condition of a Consumer can have."""

from __future__ import annotations

from paceline.api.conditions import ACCEPTED, READY, TYPES, WITHIN_BUDGET
from paceline.api.reason import EventType, Reason, reasons_of


def _refused(name: str, meaning: str, remedy: str) -> Reason:
    """A reason for which the spec is not carried out."""
    return Reason(name, ((ACCEPTED, "False"), (READY, "False")), meaning, remedy, "Warning")


def _down(name: str, meaning: str, remedy: str, *, event: EventType = "Warning") -> Reason:
    """A reason for which a gateway does not answer the consumer as the spec says."""
    return Reason(name, ((READY, "False"),), meaning, remedy, event)


NOT_YET_OBSERVED = Reason(
    "NotYetObserved",
    tuple((kind, "Unknown") for kind in TYPES["Consumer"]),
    "The operator has not seen this part of the object yet.",
    "Wait a few seconds; if it stays, look whether the operator runs and watches this namespace.",
)

ACCEPTED_AS_WRITTEN = Reason(
    "Accepted",
    ((ACCEPTED, "True"),),
    "The spec is understood, its credentials are nobody else's, and every Gateway that it names takes it.",
)
KEY_GENERATED = Reason(
    "KeyGenerated",
    ((ACCEPTED, "True"),),
    "spec.credentials is empty, so a key was generated; it is in the Secret <name>-key.",
)
NO_SUCH_MODEL = Reason(
    "NoSuchModel",
    ((ACCEPTED, "True"),),
    "An entry of spec.models fits no model of the Gateways that are named; the message has it.",
    "Correct the entry, or add the route to the Gateway.",
)
UNPRICED = Reason(
    "Unpriced",
    ((ACCEPTED, "True"),),
    "A model has no price, and a Hard budget refuses what it cannot reckon: requests for it are answered 403.",
    "Add an entry for the model to the Gateway's spec.prices, or set the budget's mode to Soft.",
    "Warning",
)
INVALID_SPEC = _refused(
    "InvalidSpec",
    "A field of the spec has a value that cannot be carried out; the message names field and value.",
    "Correct the field and apply the object again.",
)
CONFLICTED = _refused(
    "Conflicted",
    "An older Consumer of the same Gateway has the same key, or the same issuer, audience and subject. It keeps it.",
    "Give this Consumer a credential of its own.",
)
GATEWAY_MISSING = _refused(
    "GatewayMissing",
    "A Gateway that spec.gatewayRefs names does not exist. It is looked for again; the others answer.",
    "Create it, or correct spec.gatewayRefs.",
)
NOT_PERMITTED = _refused(
    "NotPermitted",
    "A Gateway that spec.gatewayRefs names does not take Consumers of this namespace; the others answer.",
    "Let the Gateway's owner select this namespace in its spec.allowedConsumers.",
)
CHILD_CONFLICT = _refused(
    "ChildConflict",
    "A Secret with the name of the generated key exists and does not belong to this Consumer. It is left alone.",
    "Delete or rename that Secret, or name it in spec.credentials.",
)
APPLY_REFUSED = _refused(
    "ApplyRefused",
    "The API server refused the Secret with the generated key: by an admission policy, a quota, or because the "
    "operator may not.",
    "Change what the API server's words name, or `paceline enable` the namespace.",
)

PROGRAMMED_AS_WRITTEN = Reason(
    "Programmed",
    ((READY, "True"),),
    "Every pod of every Gateway that is named has the spec as it is now, and answers its credentials.",
)
SUSPENDED = Reason(
    "Suspended",
    ((READY, "True"),),
    "spec.suspended is true, and every pod of every Gateway that is named refuses the consumer.",
)
AWAITING_AGENT = _down(
    "AwaitingAgent",
    "A gateway pod has not reported yet that it has the spec as it is now; until then what it had is in force there.",
    "Wait a second; if it stays, look at the condition Programmed of the Gateway that the message names.",
    event="Normal",
)
SECRET_MISSING = _down(
    "SecretMissing",
    "The Secret of a credential, or the key in it, is not there. The other credentials are answered.",
    "Create the Secret, or correct the credential's secretRef.",
)
SECRET_INVALID = _down(
    "SecretInvalid",
    "The Secret of a credential holds no key that can be used: it is empty, too short to be safe, or no header's text.",
    "Use a random key of at least 128 bits, as `paceline key create` makes.",
)
ISSUER_UNREACHABLE = _down(
    "IssuerUnreachable",
    "The keys of a credential's issuer cannot be had: it does not answer, is not allowed, or says something else.",
    "Correct jwt.issuer, or let the administrator allow its host in the chart's values.",
)

WITHIN = Reason("WithinBudget", ((WITHIN_BUDGET, "True"),), "Less than 80 % of every budget is spent.")
NO_BUDGET = Reason("NoBudget", ((WITHIN_BUDGET, "True"),), "There is no budget; usage is counted and not bounded.")
BUDGET_NEARLY_EXHAUSTED = Reason(
    "BudgetNearlyExhausted",
    ((WITHIN_BUDGET, "True"),),
    "At least 80 % of a budget is spent; the message has the numbers and when the period ends.",
    "Raise the budget's amount if the spending is right.",
    "Warning",
)
BUDGET_EXHAUSTED = Reason(
    "BudgetExhausted",
    ((WITHIN_BUDGET, "False"),),
    "A budget is spent: requests are answered 429 until its period ends.",
    "Wait for the end of the period, which the message has, or raise the budget's amount.",
    "Warning",
)
LEDGER_UNREACHABLE = Reason(
    "LedgerUnreachable",
    ((WITHIN_BUDGET, "Unknown"),),
    "The ledger cannot be asked. Requests under a Hard budget are answered 503; those under Soft ones for graceSeconds "
    "by the last verdict, then 503.",
    "Bring the ledger back; what was used meanwhile is counted then.",
    "Warning",
)

ALL: tuple[Reason, ...] = reasons_of(vars())
BY_NAME: dict[str, Reason] = {reason.name: reason for reason in ALL}
