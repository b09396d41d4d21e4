"""SGLang: `sglang.launch_server` of the official image. It finishes what it has begun when it gets SIGTERM."""

from __future__ import annotations

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.engines.assemble import (
    COMPILING,
    accelerated,
    adapter_flags,
    assemble,
    continuous,
    refuse_owned,
    shared_flags,
)
from paceline.engines.base import EngineImages, EnginePlan, Program
from paceline.engines.files import MODEL
from paceline.engines.key import CONFIG, key_flags
from paceline.engines.metrics import SGLANG
from paceline.engines.parallel import parallel

PORT = 8000
_OWNED = frozenset(
    {
        "--api-key", "--config", "--context-length", "--data-parallel-size", "--dp", "--dp-size", "--enable-lora",
        "--enable-metrics", "--host", "--is-embedding", "--lora-paths", "--model", "--model-path",
        "--pipeline-parallel-size", "--port", "--pp", "--pp-size", "--revision", "--served-model-name",
        "--tensor-parallel-size", "--tp", "--tp-size",
    }
)  # fmt: skip


def plan(md: ModelDeployment, profile: HardwareProfile, images: EngineImages) -> EnginePlan:
    """Serve files that were fetched to `MODEL`.

    Raises:
        Stalled: reason InvalidSpec, for arguments that other fields set, parallelism that does not add up, and
            adapters with the model's name.
    """
    spec, engine = md.spec, md.spec.engine_or_default
    refuse_owned(engine.args, _OWNED)
    shares = parallel(md)
    args = (
        f"--model-path={MODEL}",
        f"--served-model-name={md.served_name}",
        "--host=0.0.0.0",
        f"--port={PORT}",
        "--enable-metrics",
        *shared_flags(shares, "--tp-size", "--pp-size", "--dp-size"),
        *((f"--context-length={engine.max_context_tokens}",) if engine.max_context_tokens else ()),
        *(() if spec.model.task == "Generate" else ("--is-embedding",)),
        *adapter_flags(md, "--enable-lora", "--lora-paths"),
        *key_flags(md, "--config", CONFIG),
        *engine.args,
    )
    program = Program(
        type="SGLang",
        image=engine.image or images.sglang,
        command=("python3", "-m", "sglang.launch_server"),
        args=args,
        env=COMPILING,
        scratch=accelerated(shares),
        port=PORT,
        readiness_path="/health",
        metrics=SGLANG,
        batching=continuous(md),
    )
    return assemble(md, profile, program)
