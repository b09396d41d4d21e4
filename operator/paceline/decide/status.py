"""The status of a ModelDeployment. It does not churn: what may not move yet is taken over from the previous one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from paceline.api.conditions import SLO_MET, conditions_of, find, merge
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import endpoint, selector
from paceline.decide import figures
from paceline.decide.health import Assessment
from paceline.decide.observation import Observation
from paceline.decide.revisions import Choice, places
from paceline.decide.rollout import Way
from paceline.decide.slo_status import slo as figures_of
from paceline.engines.base import EnginePlan

Status = dict[str, Any]


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
    slo = figures_of(
        before.get("slo"),
        observation.front,
        observation.latency,
        now,
        objective=md.spec.slo is not None,
        turned=_turned(before, assessment),
    )
    cost = _cost(plan, replicas) if plan else before.get("cost")
    status: Status = {
        "conditions": merge(before, assessment.conditions, now),
        "observedGeneration": md.generation,
        "replicas": replicas,
        "readyReplicas": ready,
        "selector": selector(md.name),
        "endpoint": _endpoint(md, observation, before),
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


def _endpoint(md: ModelDeployment, seen: Observation, before: Status) -> object:
    """Where clients are to ask: the Gateway that serves the model, else the engines themselves."""
    if not seen.front.known and before.get("endpoint"):
        return before["endpoint"]
    return seen.front.url or (endpoint(md.namespace, seen.service) if seen.service else None)


def _turned(before: Status, assessment: Assessment) -> bool:
    held = find(conditions_of(before), SLO_MET)
    return held is not None and held.status != assessment.condition(SLO_MET).status


def _cost(plan: EnginePlan, replicas: int) -> Status:
    return {"currency": plan.currency, "perHour": figures.money(plan.price_per_hour * replicas)}


def _display(replicas: str, slo: Status | None, cost: object) -> Status:
    shown = {"replicas": replicas}
    for column, name in (("ttftP95", "ttftMilliseconds"), ("tpotP95", "tpotMilliseconds")):
        block = (slo or {}).get(name)
        if isinstance(block, Mapping) and figures.readable(block.get("p95")):
            shown[column] = figures.spoken(str(block["p95"]))
    if figures.readable((slo or {}).get("attainmentPercent")):
        shown["attainment"] = str((slo or {})["attainmentPercent"])
    if isinstance(cost, Mapping):
        shown["costPerHour"] = str(cost.get("perHour", ""))
    return shown
