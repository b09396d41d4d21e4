"""The engine simulator: `paceline engine-sim` in the operator's own image."""

from __future__ import annotations

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.engines.assemble import assemble, refuse_owned
from paceline.engines.base import Batching, EngineImages, EnginePlan, Program
from paceline.engines.key import CONFIG, key_flags
from paceline.engines.metrics import VLLM
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
        "--config",
    }
)


def plan(md: ModelDeployment, profile: HardwareProfile, images: EngineImages) -> EnginePlan:
    """Run the calibration named by a sim:// uri.

    Raises:
        Stalled: reason InvalidSpec, when spec.engine.args sets what another field sets.
    """
    engine = md.spec.engine_or_default
    refuse_owned(engine.args, _OWNED)
    batching, batching_args = _batching(md)
    program = Program(
        type="Simulator",
        image=engine.image or images.engine_sim,
        command=("paceline", "engine-sim"),
        args=(
            f"--model={md.spec.model.uri}",
            f"--served-name={md.served_name}",
            "--host=0.0.0.0",
            f"--port={PORT}",
            *batching_args,
            f"--drain-seconds={md.spec.lifecycle.drain_seconds}",
            *key_flags(md, "--config", CONFIG),
            *engine.args,
        ),
        port=PORT,
        readiness_path="/health",
        metrics=VLLM,
        batching=batching,
    )
    return assemble(md, profile, program)


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
