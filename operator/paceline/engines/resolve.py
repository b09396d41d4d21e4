"""Which engine serves a ModelDeployment, and its plan."""

from __future__ import annotations

from paceline.api.engine_spec import EngineType, Inference
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.api.spec import SCHEMES
from paceline.engines import custom, simulator
from paceline.engines.base import EngineImages, EnginePlan
from paceline.engines.overrides import overridden
from paceline.errors import Stalled


def engine_type(md: ModelDeployment) -> EngineType:
    """The engine that the uri asks for.

    Raises:
        Stalled: reason InvalidSpec, for uris and types that only an older CRD let in.
    """
    wanted = SCHEMES.get(md.spec.model.scheme)
    if wanted is None:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise Stalled("InvalidSpec", f"spec.model.uri is {md.spec.model.uri}; this release serves {known}. Use one.")
    chosen = md.spec.engine_or_default.type or wanted
    if chosen != wanted:
        raise Stalled(
            "InvalidSpec",
            f"spec.engine.type is {chosen}, but spec.model.uri {md.spec.model.uri} needs {wanted}. "
            "Leave spec.engine.type out to have it chosen.",
        )
    return chosen


def inference(md: ModelDeployment) -> Inference:
    """The API by which the model is tested; known even when nothing else can be resolved."""
    custom_spec = md.spec.engine_or_default.custom
    return custom_spec.inference if custom_spec else "OpenAI"


def plan(md: ModelDeployment, profile: HardwareProfile, images: EngineImages) -> EnginePlan:
    """Resolve everything that the spec left open.

    Raises:
        Stalled: the spec cannot be run; the reason and message say why and what to change.
    """
    simulated = engine_type(md) == "Simulator"
    planned = simulator.plan(md, profile, images) if simulated else custom.plan(md, profile)
    return overridden(planned, md, profile)
