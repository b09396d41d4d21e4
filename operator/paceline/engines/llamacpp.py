"""llama.cpp: `llama-server` on CPUs or one accelerator, with a GGUF file.

On SIGTERM it computes nothing more and finishes no answer, so the time to finish lies before it: the pod is out of its
Service by then and gets nothing new. (Where an answer is cut short it ends only after up to 30 s; SIGKILL comes first.)
Adapters cannot be served under names of their own. tests/component/llamacpp holds this file against the real program.
"""

from __future__ import annotations

from collections.abc import Iterable

from paceline.api.model_spec import Task
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.engines.assemble import assemble, continuous, refuse_owned
from paceline.engines.base import TMP, EngineImages, EnginePlan, Program
from paceline.engines.files import MODEL, weights_file
from paceline.engines.key import PLAIN, key_flags
from paceline.engines.metrics import LLAMA_CPP
from paceline.errors import Stalled

PORT = 8000
_OWNED = frozenset(
    {
        "--alias", "--api-key", "--api-key-file", "--api-prefix", "--ctx-size", "--docker-repo", "--embedding",
        "--embeddings", "--hf-file", "--hf-repo", "--host", "--lora", "--lora-scaled", "--metrics", "--model",
        "--model-url", "--models-dir", "--models-preset", "--port", "--rerank", "--reranking", "--ssl-cert-file",
        "--ssl-key-file", "-a", "-c", "-dr", "-hf", "-hff", "-hfr", "-m", "-mu",
    }
)  # fmt: skip

_TASKS: dict[Task, tuple[str, ...]] = {"Generate": (), "Embed": ("--embeddings",), "Score": ("--reranking",)}


def plan(md: ModelDeployment, profile: HardwareProfile, images: EngineImages) -> EnginePlan:
    """Serve the GGUF file that was fetched below `MODEL`.

    Raises:
        Stalled: reason InvalidSpec, for adapters, several accelerators, and arguments that other fields set.
    """
    spec, engine = md.spec, md.spec.engine_or_default
    given = _apart(engine.args)
    refuse_owned(given, _OWNED)
    if spec.adapters:
        raise Stalled(
            "InvalidSpec",
            f"spec.adapters has {len(spec.adapters)} entries, but LlamaCpp cannot serve them under names of their own. "
            "Remove them, or merge them into the model.",
        )
    if profile.accelerator_resource and not engine.image:
        raise Stalled(
            "InvalidSpec",
            f'profile "{profile.name}" has {profile.accelerator_resource}, but the default image of llama.cpp computes '
            "on CPUs. Set spec.engine.image to one for it, such as ghcr.io/ggml-org/llama.cpp:server-cuda, or take a "
            "profile without accelerators.",
        )
    args = (
        *("--model", f"{MODEL}/{weights_file(md)}"),
        *("--alias", md.served_name),
        *("--host", "0.0.0.0"),  # noqa: S104 - the pod's own address
        *("--port", str(PORT)),
        "--metrics",
        "--no-webui",
        *(("--ctx-size", str(engine.max_context_tokens)) if engine.max_context_tokens else ()),
        *_TASKS[spec.model.task],
        *key_flags(md, "--api-key-file", PLAIN),
        *given,
    )
    program = Program(
        type="LlamaCpp",
        image=engine.image or images.llama_cpp,
        command=("/app/llama-server",),
        args=args,
        env=(("HOME", TMP.path),),
        port=PORT,
        readiness_path="/health",
        metrics=None if spec.locked else LLAMA_CPP,  # its page is behind the key
        batching=continuous(md),
        drains=False,
        key_file=PLAIN,
    )
    return assemble(md, profile, program)


def _apart(args: Iterable[str]) -> tuple[str, ...]:
    """Arguments as llama-server takes them: `--name=value` as two, names with - where they have _."""
    parts: list[str] = []
    for arg in args:
        name, equals, value = arg.partition("=")
        if name.startswith("--"):
            parts += [name.replace("_", "-"), *((value,) if equals else ())]
        else:
            parts.append(arg)
    return tuple(parts)
