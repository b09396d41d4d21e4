"""Which engine serves a ModelDeployment, and its plan."""

from __future__ import annotations

from paceline.api.engine_spec import EngineType, Inference
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.engines import custom, llamacpp, sglang, simulator, vllm
from paceline.engines.base import EngineImages, EnginePlan
from paceline.engines.overrides import overridden
from paceline.errors import Stalled

_PLANS = {
    "VLLM": vllm.plan,
    "SGLang": sglang.plan,
    "LlamaCpp": llamacpp.plan,
    "Simulator": simulator.plan,
    "Custom": custom.plan,
}


def engine_type(md: ModelDeployment) -> EngineType:
    """The engine that the spec names or its uri asks for.

    Raises:
        Stalled: reason InvalidSpec, for uris and types that only an older CRD let in.
    """
    possible = _possible(md)
    chosen = md.spec.engine_or_default.type or possible[0]
    if chosen not in possible:
        raise Stalled(
            "InvalidSpec",
            f"spec.engine.type is {chosen}, but spec.model.uri {md.spec.model.uri} needs {' or '.join(possible)}. "
            "Leave spec.engine.type out to have it chosen.",
        )
    return chosen


def _possible(md: ModelDeployment) -> tuple[EngineType, ...]:
    """Engines for that source, the usual one first."""
    model = md.spec.model
    if model.scheme == "sim":
        return ("Simulator",)
    if model.scheme == "image":
        return ("Custom",)
    if model.has_files:
        return ("LlamaCpp", "Custom") if model.gguf else ("VLLM", "SGLang", "Custom")
    raise Stalled(
        "InvalidSpec",
        f"spec.model.uri is {model.uri}; this release serves hf://, s3://, https://, pvc://, image:// and sim://. "
        "Use one.",
    )


def inference(md: ModelDeployment) -> Inference:
    """The API by which the model is tested; known even when nothing else can be resolved."""
    custom_spec = md.spec.engine_or_default.custom
    return custom_spec.inference if custom_spec else "OpenAI"


def plan(md: ModelDeployment, profile: HardwareProfile, images: EngineImages) -> EnginePlan:
    """Resolve everything that the spec left open.

    Raises:
        Stalled: the spec cannot be run; the reason and message say why and what to change.
    """
    return overridden(_PLANS[engine_type(md)](md, profile, images), md, profile)
