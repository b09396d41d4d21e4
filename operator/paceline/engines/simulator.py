"""The engine simulator: `paceline engine-sim` in the operator's own image."""

from __future__ import annotations

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.engines.base import PRE_STOP_SECONDS, Batching, EngineImages, EnginePlan, probes
from paceline.engines.metrics import VLLM
from paceline.engines.resources import resources
from paceline.errors import Stalled

PORT = 8000
#: Set by paceline from other fields; a second value in spec.engine.args would silently win.
_OWNED = frozenset(
    {
        "--model",
        "--served-name",
        "--host",
        "--port",
        "--batching",
        "--max-batch-size",
        "--window-milliseconds",
        "--drain-seconds",
    }
)


def plan(md: ModelDeployment, profile: HardwareProfile, images: EngineImages) -> EnginePlan:
    """Run the calibration named by a sim:// uri.

    Raises:
        Stalled: reason InvalidSpec, when spec.engine.args sets what another field sets.
    """
    engine = md.spec.engine_or_default
    taken = sorted({arg.partition("=")[0] for arg in engine.args} & _OWNED)
    if taken:
        raise Stalled(
            "InvalidSpec",
            f"spec.engine.args sets {', '.join(taken)}, which paceline sets from other fields of the spec. "
            "Remove it from args and set the field.",
        )
    batching, batching_args = _batching(md)
    requests, limits = resources(profile, md.spec.hardware.count)
    drain = md.spec.lifecycle.drain_seconds
    return EnginePlan(
        type="Simulator",
        image=engine.image or images.engine_sim,
        command=("paceline", "engine-sim"),
        args=(
            f"--model={md.spec.model.uri}",
            f"--served-name={md.served_name}",
            "--host=0.0.0.0",
            f"--port={PORT}",
            *batching_args,
            f"--drain-seconds={drain}",
            *engine.args,
        ),
        env=(),
        port=PORT,
        run_as_user=profile.run_as_user,
        probes=probes("/health", md.spec.lifecycle.startup_seconds),
        pre_stop_seconds=PRE_STOP_SECONDS,
        drain_seconds=drain,
        metrics=VLLM,
        inference="OpenAI",
        served_name=md.served_name,
        task=md.spec.model.task,
        batching=batching,
        requests=requests,
        limits=limits,
        profile=profile.name,
        price_per_hour=profile.price * md.spec.hardware.count,
        currency=profile.currency,
    )


def _batching(md: ModelDeployment) -> tuple[Batching, tuple[str, ...]]:
    batching = md.spec.engine_or_default.batching
    if batching is None or batching.type == "Continuous":
        return "Continuous", ("--batching=continuous",)
    if batching.type == "Dynamic" and batching.dynamic:
        size, window = batching.dynamic.max_batch_size, batching.dynamic.window_milliseconds
        return "Dynamic", ("--batching=dynamic", f"--max-batch-size={size}", f"--window-milliseconds={window}")
    if batching.type == "Static" and batching.static:
        return "Static", ("--batching=static", f"--max-batch-size={batching.static.batch_size}")
    block = batching.type.lower()
    raise Stalled(
        "UnsupportedBatching",
        f"spec.engine.batching.type is {batching.type}, but spec.engine.batching.{block} is missing. Add that block.",
    )
