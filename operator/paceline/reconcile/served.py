"""What gateways must know of a ModelDeployment: which of its pods can be asked, where and for what. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from pydantic import Field, ValidationError

from paceline.api.base import Model as Part
from paceline.api.engine_spec import EngineType
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.revision import Revision
from paceline.api.spec import Spec
from paceline.decide.observation import Children, PodView
from paceline.engines.concurrency import concurrency
from paceline.gateway.ir import Endpoint, Objective
from paceline.gateway.observation import NO_OBJECTIVE, Model, Serving
from paceline.sim import calibration


class _Probe(Part):
    path: str


class _Probes(Part):
    readiness: _Probe


class _Effective(Part):
    """What of status.effective says how pods are asked."""

    type: EngineType
    args: tuple[str, ...] = ()
    port: int = Field(ge=1, le=65535)
    probes: _Probes


def served(
    md: ModelDeployment,
    found: Children,
    weights: Mapping[str, int] | None = None,
    *,
    saturated: bool = False,
) -> Model:
    """A ModelDeployment as translations read it.

    Args:
        md: What is asked.
        found: What there is of it.
        weights: Shares of its revisions by their label; None: as many as each has pods that are ready.
        saturated: Its engines are full.
    """
    newest = {one.label: one for one in sorted(found.revisions, key=lambda one: one.number)}
    running = found.deployment.revision if found.deployment else ""
    pods: dict[str, list[PodView]] = {}
    for pod in found.pods:
        pods.setdefault(pod.revision, []).append(pod)
    # A template that nobody kept is none of ours: it is not known how its pods are asked.
    shown = [each for each in newest.values() if each.label == running or each.label in pods]
    ordered = sorted(shown, key=lambda each: (each.label != running, -each.number))
    servings = (_serving(md, each, pods.get(each.label, ())) for each in ordered)
    return Model(md, tuple(each for each in servings if each), weights or {}, saturated, _objective(md))


def _objective(md: ModelDeployment) -> Objective:
    """Targets as they are now, whatever revision answers: a change of them is no change of pods."""
    slo = md.spec.slo
    return Objective(slo.ttft_milliseconds or 0, slo.tpot_milliseconds or 0) if slo else NO_OBJECTIVE


def _serving(md: ModelDeployment, revision: Revision, pods: Iterable[PodView]) -> Serving | None:
    """What a revision was made of says how its pods are asked, whatever the spec says by now.

    Returns:
        None for one that was not made here: whoever may write ControllerRevisions can forge what is kept in it.
    """
    try:
        spec = Spec.model_validate(revision.data["spec"])
        made = _Effective.model_validate(revision.data["effective"])
    except ValidationError:
        return None
    ready = sorted(each.ip for each in pods if each.ready and each.ip and not each.deleting and not each.lost)
    return Serving(
        revision=revision.label,
        engine=made.type,
        served_name=spec.model.served_name or md.name,
        adapters=tuple(each.name for each in spec.adapters),
        endpoints=tuple(Endpoint(ip, made.port) for ip in ready),
        health_path=made.probes.readiness.path,
        locked=spec.locked,
        context_tokens=spec.engine_or_default.max_context_tokens,
        capacity=concurrency(made.type, made.args) or _simulated(spec.model.uri),
    )


@cache
def _simulated(uri: str) -> int | None:
    """What the engine takes at a time that a sim:// uri imitates; None for other uris."""
    try:
        return calibration.load(uri).limits.max_sequences if uri.startswith(calibration.SCHEME) else None
    except calibration.UnknownCalibrationError:
        return None
