"""What the ledger is told of a Gateway: its part of the document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from paceline.api import consumer_reasons as reasons
from paceline.api.consumer_spec import ConsumerLimits
from paceline.api.gateway_spec import Price
from paceline.api.ledger_config import LedgerBackend, LedgerConsumer, LedgerDeployment, LedgerGateway, LedgerRoute
from paceline.gateway.backends import Part
from paceline.gateway.consumers import Caller
from paceline.gateway.finding import Finding, of_consumer
from paceline.gateway.ir import FEEDBACK_BYTES, Route, Target
from paceline.gateway.observation import Model, Observation
from paceline.gateway.queue import queue
from paceline.gateway.routes import Translated


@dataclass(frozen=True, slots=True)
class Terms:
    """A Gateway's part.

    Attributes:
        consumers: That may call it, in the order of their names.
        deployments: Those that answer its requests, in the order of their names.
    """

    gateway: LedgerGateway
    consumers: tuple[LedgerConsumer, ...] = ()
    deployments: tuple[LedgerDeployment, ...] = ()


def terms(
    seen: Observation, callers: Iterable[Caller], prices: tuple[Price, ...], routes: Iterable[Translated]
) -> Terms:
    """The part of a Gateway.

    Args:
        seen: What was read.
        callers: Consumers that may call it.
        prices: In the order of their names, and right.
        routes: All of its entries.
    """
    name = f"{seen.gateway.namespace}/{seen.gateway.name}"
    told = sorted((_route(each) for each in routes if each.answering), key=lambda one: one.model)
    answering = {part.deployment for each in routes if each.answering for part in each.answering} - {""}
    models = {f"{each.md.namespace}/{each.md.name}": each for each in seen.models}
    return Terms(
        LedgerGateway(
            name=name, prices=prices, routes=tuple(told), anonymous=seen.gateway.spec.authentication == "None"
        ),
        tuple(sorted((_consumer(each, name, seen.zones) for each in callers), key=lambda one: one.name)),
        tuple(queue(models[each]) for each in sorted(answering)),
    )


def requeued(found: Terms, model: Model) -> Terms:
    """The part after pods of one ModelDeployment came or went: where its requests wait, they wait for other engines."""
    name = f"{model.md.namespace}/{model.md.name}"
    return replace(found, deployments=tuple(queue(model) if each.name == name else each for each in found.deployments))


def wrong_zones(callers: Iterable[Caller], zones: frozenset[str]) -> list[Finding]:
    """Budgets whose time zone there is not."""
    return [
        of_consumer(
            each.consumer,
            reasons.INVALID_SPEC,
            budget.name,
            f"spec.budgets[{budget.name}].timeZone: {budget.time_zone} is no time zone; the period is UTC's meanwhile.",
        )
        for each in callers
        for budget in each.consumer.spec.budgets
        if budget.time_zone not in zones
    ]


def _consumer(caller: Caller, gateway: str, zones: frozenset[str]) -> LedgerConsumer:
    """A budget with an unknown zone goes on in UTC: none at all would be endless, and a refusal an outage."""
    spec = caller.consumer.spec
    budgets = (
        each if each.time_zone in zones else each.model_copy(update={"time_zone": "UTC"}) for each in spec.budgets
    )
    return LedgerConsumer(
        name=f"{caller.consumer.namespace}/{caller.consumer.name}",
        team=spec.team or "",
        gateways=(gateway,),
        clients=(caller.client,),
        budgets=tuple(budgets),
        max_concurrent_requests=(spec.limits or ConsumerLimits()).max_concurrent_requests,
        priority=spec.priority,
        suspended=spec.suspended,
    )


def _route(found: Translated) -> LedgerRoute:
    entry = found.entry
    return LedgerRoute(
        model=entry.model,
        backends=tuple(dict.fromkeys(_backend(each) for each in found.answering)),
        attempts=(1 + entry.retry.attempts) * (2 if _again(found.route) else 1),
        longest_seconds=entry.timeout_seconds,
        prompt_bytes=_prompt_bytes(found.route) + (FEEDBACK_BYTES if _again(found.route) else 0),
        context_tokens=_context_tokens(found.answering),
        deployment=found.waits.deployment,
        waiting=entry.waiting,
    )


def _prompt_bytes(route: Route) -> int:
    """Of what is put before each conversation."""
    prompts = [each.target.prompt for each in route.branches if isinstance(each.target, Target) and each.target.prompt]
    return max((len(each.text.encode("utf-8", "surrogatepass")) for each in prompts), default=0)


def _again(route: Route) -> bool:
    """Whether an answer that does not match a schema is asked for once more."""
    targets = [each.target for each in route.branches if isinstance(each.target, Target)]
    return any(each.check.again for each in targets if each.check)


def _context_tokens(every: Iterable[Part]) -> int | None:
    """What whoever answers reads at most; None where that is not known of one."""
    known = [each.context_tokens for each in every]
    return max((each for each in known if each is not None), default=None) if None not in known else None


def _backend(part: Part) -> LedgerBackend:
    return LedgerBackend(name=part.backend, model=part.cluster.model)
