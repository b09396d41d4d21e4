"""The status of a ModelDeployment. It does not churn: what may not move yet is taken over from the previous one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from paceline.api.conditions import merge, parse_stamp, stamp
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import endpoint, selector
from paceline.decide import figures
from paceline.decide.health import Assessment
from paceline.decide.observation import LatencyView, Observation
from paceline.decide.revisions import Choice, places
from paceline.decide.rollout import Way
from paceline.engines.base import EnginePlan

Status = dict[str, Any]

#: Live figures are written at most this often.
FIGURES = timedelta(seconds=60)


def summarise(
    md: ModelDeployment,
    plan: EnginePlan | None,
    observation: Observation,
    assessment: Assessment,
    previous: Mapping[str, Any] | None,
    now: datetime,
    choice: Choice | None,
    way: Way | None,
) -> Status:
    """The whole status. Equal to `previous` where nothing is to be said.

    Args:
        md: What is asked.
        plan: None where it could not be resolved; what was resolved before is then kept.
        observation: What is seen.
        assessment: What `health.assess` made of it.
        previous: The status that the object has; None at first.
        now: With a time zone.
        choice: The revision in force; None where the spec could not be resolved.
        way: How a new revision replaces the old one; None likewise.
    """
    before = dict(previous or {})
    deployment = observation.deployment
    replicas = deployment.total if deployment else 0
    ready = deployment.ready if deployment else 0
    slo = _slo(before.get("slo"), observation.latency, now)
    cost = _cost(plan, replicas) if plan else before.get("cost")
    status: Status = {
        "conditions": merge(before, assessment.conditions, now),
        "observedGeneration": md.generation,
        "replicas": replicas,
        "readyReplicas": ready,
        "selector": selector(md.name),
        "endpoint": endpoint(md.namespace, observation.service) if observation.service else None,
        "display": _display(f"{ready}/{md.spec.replicas}", slo, cost),
        "fingerprint": choice.revision.fingerprint if choice else before.get("fingerprint"),
        "revisions": _revisions(choice, observation, assessment, before) if choice else before.get("revisions"),
        "effective": _effective(choice, way) if choice and way else before.get("effective"),
        "slo": slo,
        "cost": cost,
    }
    return {key: value for key, value in status.items() if value is not None}


def refuse(generation: int, assessment: Assessment, previous: Mapping[str, Any] | None, now: datetime) -> Status:
    """The status of an object whose spec cannot even be read: what is known of it stays, the conditions say why."""
    before = dict(previous or {})
    conditions = merge(before, assessment.conditions, now)
    return {**before, "conditions": conditions, "observedGeneration": generation}


def _effective(choice: Choice, way: Way) -> Status:
    shown: Status = choice.revision.data["effective"]
    return {**shown, "strategy": way.name}


def _revisions(choice: Choice, seen: Observation, assessment: Assessment, before: Status) -> Status:
    """The stable revision and, in a rollout, the candidate."""
    earlier = before.get("revisions")
    stable = earlier.get("stable") if isinstance(earlier, Mapping) else None
    found = places(
        choice,
        seen.revisions,
        [pod.revision for pod in seen.pods if pod.ready and not pod.deleting],
        settled=assessment.settled,
        stable=str(stable.get("name", "")) if isinstance(stable, Mapping) else "",
    )
    named = zip(("stable", "candidate"), found, strict=True)
    return {name: {"name": place.name, "replicas": place.replicas} for name, place in named if place}


def _slo(before: object, latency: LatencyView | None, now: datetime) -> Status | None:
    """The figures to show: the old ones until 60 s have passed and one of them has moved by more than a tenth."""
    old = dict(before) if isinstance(before, Mapping) else None
    if latency is None:
        return old
    blocks = {
        "ttftMilliseconds": figures.milliseconds(latency.ttft),
        "tpotMilliseconds": figures.milliseconds(latency.tpot),
    }
    new: Status = {
        "observedTime": stamp(latency.time),
        "source": "Engine",
        "requests": latency.requests,
        **{name: block for name, block in blocks.items() if block},
    }
    if old is None:
        return new
    since = parse_stamp(old.get("observedTime"))
    # A time that lies ahead (forged, or of another clock) must not stop the figures for ever.
    early = since is not None and timedelta(0) <= now - since < FIGURES
    return new if not early and _moved(old, blocks) else old


def _moved(old: Status, blocks: Mapping[str, Mapping[str, str] | None]) -> bool:
    for name, block in blocks.items():
        shown = old.get(name)
        if block and not isinstance(shown, Mapping):
            return True
        if block and isinstance(shown, Mapping) and any(figures.moved(shown.get(k), v) for k, v in block.items()):
            return True
    return False


def _cost(plan: EnginePlan, replicas: int) -> Status:
    return {"currency": plan.currency, "perHour": figures.money(plan.price_per_hour * replicas)}


def _display(replicas: str, slo: Status | None, cost: object) -> Status:
    shown = {"replicas": replicas}
    for column, name in (("ttftP95", "ttftMilliseconds"), ("tpotP95", "tpotMilliseconds")):
        block = (slo or {}).get(name)
        if isinstance(block, Mapping) and figures.readable(block.get("p95")):
            shown[column] = figures.spoken(str(block["p95"]))
    if isinstance(cost, Mapping):
        shown["costPerHour"] = str(cost.get("perHour", ""))
    return shown
