"""vLLM: `vllm serve` of the official image, 0.18 or newer (the first that drains by --shutdown-timeout)."""

from __future__ import annotations

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.engines.assemble import (
    CACHE,
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
from paceline.engines.metrics import VLLM
from paceline.engines.parallel import parallel

PORT = 8000
#: The image's own. With another one the cache of compiled code has no owner, and the import fails.
USER = 2000
_OWNED = frozenset(
    {
        "--api-key", "--config", "--data-parallel-size", "--enable-lora", "--host", "--lora-modules", "--max-model-len",
        "--model", "--pipeline-parallel-size", "--port", "--revision", "--runner", "--served-model-name",
        "--shutdown-timeout", "--tensor-parallel-size", "--uds", "-dp", "-pp", "-tp",
    }
)  # fmt: skip
_ENV = tuple(
    sorted(
        (
            *COMPILING,
            ("DO_NOT_TRACK", "1"),
            ("VLLM_CACHE_ROOT", f"{CACHE.path}/vllm"),
            ("VLLM_CONFIG_ROOT", f"{CACHE.path}/config"),
        )
    )
)


def plan(md: ModelDeployment, profile: HardwareProfile, images: EngineImages) -> EnginePlan:
    """Serve files that were fetched to `MODEL`.

    Raises:
        Stalled: reason InvalidSpec (arguments that other fields set, parallelism that does not add up, adapters with
            the model's name) or UnsupportedBatching.
    """
    spec, engine = md.spec, md.spec.engine_or_default
    refuse_owned(engine.args, _OWNED)
    shares = parallel(md)
    args = (
        MODEL,
        f"--served-model-name={md.served_name}",
        "--host=0.0.0.0",
        f"--port={PORT}",
        *shared_flags(shares, "--tensor-parallel-size", "--pipeline-parallel-size", "--data-parallel-size"),
        *((f"--max-model-len={engine.max_context_tokens}",) if engine.max_context_tokens else ()),
        *(() if spec.model.task == "Generate" else ("--runner=pooling",)),
        f"--shutdown-timeout={spec.lifecycle.drain_seconds}",
        *adapter_flags(md, "--enable-lora", "--lora-modules"),
        *key_flags(md, "--config", CONFIG),
        *engine.args,
    )
    program = Program(
        type="VLLM",
        image=engine.image or images.vllm,
        command=("vllm", "serve"),
        args=args,
        env=_ENV,
        scratch=accelerated(shares),
        port=PORT,
        readiness_path="/health",
        metrics=VLLM,
        batching=continuous(md),
        user=USER,
    )
    return assemble(md, profile, program)
