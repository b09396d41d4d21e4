"""The queue before a ModelDeployment's engines, which the ledger keeps."""

from __future__ import annotations

from collections.abc import Iterable

from paceline.api.ledger_config import EngineMetrics, LedgerDeployment
from paceline.gateway.engines import TRAITS
from paceline.gateway.ir import Endpoint
from paceline.gateway.observation import Model, Serving

#: More than any engine takes: requests wait until one is ready, and no longer.
_ENDLESS = 1_000_000


def queue(model: Model) -> LedgerDeployment:
    """What requests wait for: engines that are ready, each with so many places."""
    endpoints = [each for serving in model.servings for each in serving.endpoints]
    metrics = _metrics(model.servings)
    return LedgerDeployment(
        name=f"{model.md.namespace}/{model.md.name}",
        capacity_per_engine=_per_engine(model.servings),
        engines=len(endpoints),
        engine_urls=tuple(sorted(map(_url, endpoints))) if metrics else (),
        metrics=metrics or EngineMetrics(),
        slo=model.md.spec.slo,
    )


def _per_engine(servings: Iterable[Serving]) -> int:
    """The share of one engine in what all that are ready compute at a time, rounded down.

    In a rollout revisions may take different numbers. Before an engine is ready nobody gets a place anyway.
    """
    ready = [each for each in servings if each.endpoints]
    known = [each.capacity * len(each.endpoints) for each in ready if each.capacity]
    if not ready or len(known) < len(ready):
        return _ENDLESS
    return min(max(sum(known) // sum(len(each.endpoints) for each in ready), 1), _ENDLESS)


def _metrics(servings: Iterable[Serving]) -> EngineMetrics | None:
    """What the engines' pages call what is under way; None where nobody can read it, or each has it otherwise."""
    pages = {TRAITS[each.engine].page(locked=each.locked) for each in servings}
    names = pages.pop() if len(pages) == 1 else None
    return EngineMetrics(path=names.path, running=names.running, waiting=names.waiting) if names else None


def _url(endpoint: Endpoint) -> str:
    host = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return f"http://{host}:{endpoint.port}"
