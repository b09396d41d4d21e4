"""The status of a Gateway. Equal to the previous one where nothing is to be said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from paceline.api.conditions import Condition, merge
from paceline.api.gateway import Gateway
from paceline.api.names import gateway_service
from paceline.decide.gateway_health import Seen

Status = dict[str, Any]

_SHOWN = 50


def summarise(
    gateway: Gateway,
    seen: Seen,
    conditions: Iterable[Condition],
    routes: int,
    unhealthy: tuple[str, ...],
    previous: Mapping[str, Any] | None,
    now: datetime,
) -> Status:
    """The whole status.

    Args:
        gateway: What is asked.
        seen: What is observed.
        conditions: What `gateway_health.assess` made of it.
        routes: How many there are.
        unhealthy: Models whose requests nobody answers, in order.
        previous: The status that the object has; None at first.
        now: With a time zone.
    """
    ready = sum(pod.ready for pod in seen.live)
    told = [seen.reports[pod.name].generation for pod in seen.live if pod.name in seen.reports]
    status: Status = {
        "conditions": merge(previous, conditions, now),
        "observedGeneration": gateway.generation,
        "address": address(gateway),
        "display": {"pods": f"{ready}/{gateway.spec.replicas}"},
        "generationServed": min(told) if told and len(told) == len(seen.live) else None,
        "routes": {"total": routes, **({"unhealthy": list(unhealthy[:_SHOWN])} if unhealthy else {})},
    }
    return {key: value for key, value in status.items() if value is not None}


def address(gateway: Gateway) -> str:
    """Base URL of the OpenAI API inside the cluster."""
    scheme = "https" if gateway.spec.listener.tls else "http"
    host = f"{gateway_service(gateway.name)}.{gateway.namespace}.svc"
    return f"{scheme}://{host}:{gateway.spec.listener.port}/v1"


def refuse(
    generation: int, conditions: Iterable[Condition], previous: Mapping[str, Any] | None, now: datetime
) -> Status:
    """The status of an object whose spec cannot even be read: what is known of it stays, the conditions say why."""
    before = dict(previous or {})
    return {**before, "conditions": merge(before, conditions, now), "observedGeneration": generation}
