"""The chain from a Consumer's manifest to an answered request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from paceline.api.consumer_reasons import BY_NAME
from paceline.cli.chain.said import by_condition, seen_by_operator
from paceline.cli.chain.view import Link, Object, State, condition, count
from paceline.cli.credentials import in_force


@dataclass(frozen=True, slots=True)
class ConsumerView:
    """A Consumer and the Gateways that it names, as the API server gave them.

    Attributes:
        consumer: The Consumer.
        now: When it was read, in seconds since the epoch.
        gateways: By namespace/name; None: there is none of that name, or it may not be read.
        operators: Ready pods of the operator that were seen; None where they could not be looked at.
    """

    consumer: Object
    now: float
    gateways: Mapping[str, Object | None] = field(default_factory=dict)
    operators: int | None = None


def _spec(view: ConsumerView) -> Link:
    spec = view.consumer["spec"]
    asked = f"models {', '.join(spec['models'][:5])} of {count(len(view.gateways), 'Gateway')}"
    return seen_by_operator(view.consumer, view.now, asked, view.operators)


def _gateways(view: ConsumerView) -> Link:
    """Do the Gateways answer at all?"""
    down = [name for name, one in view.gateways.items() if one and condition(one, "Ready").get("status") != "True"]
    if down:
        namespace, _, name = down[0].partition("/")
        text = f"{', '.join(down)} does not answer clients"
        return Link("gateways", State.FAILED, text, f"paceline explain gateway/{name} -n {namespace}")
    unseen = [name for name, one in view.gateways.items() if one is None]
    if unseen:
        return Link("gateways", State.NOT_REACHED, f"{', '.join(unseen)} cannot be looked at")
    return Link("gateways", State.OK, f"{', '.join(view.gateways)} answers clients")


def _credentials(view: ConsumerView) -> Link:
    """How does the caller show who it is?"""
    there = [f"{one['name']} ({_where(one)})" for one in in_force(view.consumer)]
    ready = condition(view.consumer, "Ready")
    if str(ready.get("reason")) in {"SecretMissing", "SecretInvalid", "IssuerUnreachable"}:
        return by_condition("credentials", view.consumer, "Ready", BY_NAME)
    return Link("credentials", State.OK, ", ".join(there))


def _where(credential: Object) -> str:
    if "key" not in credential:
        return f"tokens of {credential['jwt']['issuer']}"
    ref = credential["key"]["secretRef"]
    return f"Secret {ref['name']}, key {ref['key']}"


def _suspended(view: ConsumerView) -> Link:
    if not view.consumer["spec"].get("suspended"):
        return Link("suspended", State.OK, "no")
    text = "spec.suspended is true: every request is answered 403, code consumer_suspended"
    return Link("suspended", State.FAILED, text, "set spec.suspended to false, if the caller may ask again")


CHECKS: tuple[Callable[[ConsumerView], Link], ...] = (
    _spec,
    lambda view: by_condition("accepted", view.consumer, "Accepted", BY_NAME),
    _gateways,
    _credentials,
    lambda view: by_condition("in force", view.consumer, "Ready", BY_NAME),
    _suspended,
    lambda view: by_condition("budget", view.consumer, "WithinBudget", BY_NAME),
)
