"""What the ledger is told of a Gateway."""

from __future__ import annotations

from collections.abc import Iterable

from paceline.api import consumer_reasons as reasons
from paceline.api import ledger_view, money
from paceline.api.consumer_spec import Budget, ConsumerLimits
from paceline.api.ledger_view import LedgerView
from paceline.gateway.backends import Part
from paceline.gateway.consumers import Caller
from paceline.gateway.finding import Finding, of_consumer
from paceline.gateway.ir import Route, Target
from paceline.gateway.observation import Observation
from paceline.gateway.routes import Translated


def view(
    seen: Observation, callers: Iterable[Caller], prices: tuple[ledger_view.Price, ...], routes: Iterable[Translated]
) -> LedgerView:
    """The view of a Gateway.

    Args:
        seen: What was read.
        callers: Consumers that may call it.
        prices: In the order of their names.
        routes: All of its entries.
    """
    return LedgerView(
        gateway=f"{seen.gateway.namespace}/{seen.gateway.name}",
        callers=tuple(sorted((_caller(each, seen.zones) for each in callers), key=lambda one: one.consumer)),
        prices=prices,
        routes=tuple(sorted((_route(each) for each in routes if each.answering), key=lambda one: one.model)),
    )


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


def _caller(caller: Caller, zones: frozenset[str]) -> ledger_view.Caller:
    spec = caller.consumer.spec
    limits = spec.limits or ConsumerLimits()
    return ledger_view.Caller(
        consumer=f"{caller.consumer.namespace}/{caller.consumer.name}",
        team=spec.team or "",
        clients=(caller.client,),
        priority=spec.priority,
        suspended=spec.suspended,
        budgets=tuple(_budget(each, zones) for each in spec.budgets),
        requests_per_minute=limits.requests_per_minute or 0,
        tokens_per_minute=limits.tokens_per_minute or 0,
        max_concurrent_requests=limits.max_concurrent_requests or 0,
    )


def _budget(budget: Budget, zones: frozenset[str]) -> ledger_view.Budget:
    """A budget with an unknown zone goes on in UTC: none at all would be endless, and a refusal an outage."""
    return ledger_view.Budget(
        name=budget.name,
        amount_micros=money.parse(budget.amount),
        period=budget.period,
        time_zone=budget.time_zone if budget.time_zone in zones else "UTC",
        mode=budget.mode,
        grace_seconds=budget.grace,
    )


def _route(found: Translated) -> ledger_view.Route:
    entry = found.entry
    return ledger_view.Route(
        model=entry.model,
        backends=tuple(_backend(each) for each in found.answering),
        attempts=1 + entry.retry.attempts,
        timeout_seconds=entry.timeout_seconds,
        max_output_tokens=entry.max_output_tokens,
        prompt_bytes=_prompt_bytes(found.route),
        waits=found.waits.now,
        waiting_seconds=entry.waiting.max_seconds if entry.waiting.max_requests else 0,
        waiting_requests=entry.waiting.max_requests,
    )


def _prompt_bytes(route: Route) -> int:
    """Of what is put before each conversation."""
    prompts = [each.target.prompt for each in route.branches if isinstance(each.target, Target) and each.target.prompt]
    return max((len(each.text.encode("utf-8", "surrogatepass")) for each in prompts), default=0)


def _backend(part: Part) -> ledger_view.Backend:
    return ledger_view.Backend(
        name=part.backend,
        model=part.cluster.model,
        deployment=dict(part.cluster.labels).get("deployment", ""),
        context_tokens=part.context_tokens,
    )
