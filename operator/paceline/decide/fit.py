"""Does a model fit its hardware? Counted before any pod is made, with the numbers in the message.

What is counted: weights and the context of a driver on each accelerator, and the keys and values of one longest
sequence; an engine that has less does not start. What cannot be known (quantisation on the fly, an image of its own)
is Unknown, and is tried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from paceline.api import quantity
from paceline.api.conditions import Status
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.api.resolved import Resolved
from paceline.engines.base import EnginePlan
from paceline.engines.files import BASE, Files
from paceline.engines.parallel import Shares, parallel

GIB = 2**30
#: Share of an accelerator's memory that an engine may use, vLLM's default; the rest is the driver's and for peaks.
USABLE = 0.9
#: For each accelerator: the context of the driver, graphs and activations. Measured on an H200: 0.5 GiB of context, and
#: 1.5 GiB for a step of 8,192 tokens of a model of 7.6B parameters with a cache of 32,768.
OVERHEAD_BYTES = 2 * GIB
#: For a process on CPUs: code and buffers.
PROCESS_BYTES = GIB // 8
#: Keys and values are kept in 16 bits unless an engine is told otherwise.
KV_ELEMENT_BYTES = 2
#: Weights of which only the number is known are taken to have 16 bits.
WEIGHT_BYTES = 2
#: Arguments after which an engine needs other memory than is counted here.
_TUNED = frozenset(
    {
        "--cache-type-k", "--cache-type-v", "--cpu-offload-gb", "--gpu-memory-utilization", "--kv-cache-dtype",
        "--kv-cache-memory-bytes", "--load-format", "--mem-fraction-static", "--n-gpu-layers", "--no-kv-offload",
        "--quantization", "-ctk", "-ctv", "-ngl", "-nkvo", "-q",
    }
)  # fmt: skip
_SCALE = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether it fits.

    Attributes:
        status: "Unknown" where a number is missing.
        message: The numbers, and what would help.
        kv_tokens: Tokens that the memory left over can keep, all sequences together; None where that is not known.
    """

    status: Status
    message: str
    kv_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What one replica has.

    Attributes:
        parts: Accelerators, or 1 for a process on CPUs.
        memory: Bytes of each part.
        usable: Of those, what an engine may use.
        overhead: Of those, what is neither weights nor keys and values.
        tensor: Parts among which each layer is divided.
        pipeline: Parts among which the layers are divided.
    """

    parts: int
    memory: float
    usable: float
    overhead: float
    tensor: int = 1
    pipeline: int = 1


def fit(md: ModelDeployment, profile: HardwareProfile, plan: EnginePlan, files: Files | None) -> Fit:
    """Whether the files of a model fit a replica.

    Args:
        md: What is asked.
        profile: Its hardware.
        plan: Its engine.
        files: As they were resolved; None for an engine that brings its model along.
    """
    if plan.type == "Simulator":
        return Fit("True", "The simulator needs no memory for a model.")
    if files is None:
        return Fit("Unknown", "paceline does not look into the image of an engine that brings its model along.")
    room = room_of(profile, plan, parallel(md) if plan.type in {"VLLM", "SGLang"} else Shares(md.spec.hardware.count))
    if room is None:
        return Fit("Unknown", "The profile does not say how much memory there is (memoryGiB, or limits.memory).")
    model = _sized(files.found[BASE], md.spec.model.parameter_count, files)
    if not model.weight_bytes:
        return Fit("Unknown", "The files do not say how many parameters the model has; set spec.model.parameterCount.")
    judged = judge(model, room, md.spec.engine_or_default.max_context_tokens)
    if not files.found[BASE].weight_bytes:
        said = f"With spec.model.parameterCount {md.spec.model.parameter_count}: {judged.message}"
        judged = replace(judged, message=said)
    tuned = sorted({arg.partition("=")[0] for arg in md.spec.engine_or_default.args} & _TUNED)
    if judged.status == "False" and tuned:
        return Fit(
            "Unknown", f"{', '.join(tuned)} in spec.engine.args changes what is needed. Without: {judged.message}"
        )
    return judged


def room_of(profile: HardwareProfile, plan: EnginePlan, shares: Shares) -> Room | None:
    """What one replica has: the memory of its accelerators, else that of its process; None where neither is known."""
    if profile.accelerator_resource and profile.memory_gi_b:
        memory = profile.memory_gi_b * GIB
        parts = shares.tensor * shares.pipeline * shares.data
        return Room(parts, memory, memory * USABLE, OVERHEAD_BYTES, shares.tensor, shares.pipeline)
    limit = dict(plan.limits).get("memory")
    if profile.accelerator_resource or limit is None:
        return None
    memory = int(quantity.parse(limit))
    return Room(1, memory, memory, PROCESS_BYTES)


def judge(model: Resolved, room: Room, context_tokens: int | None) -> Fit:
    """Compare weights, keys and values of one longest sequence, and overhead with the memory.

    Args:
        model: The files as they were resolved, with the bytes of their weights.
        room: What one replica has.
        context_tokens: Longest sequence that is asked for; None takes the model's own.
    """
    weights = model.weight_bytes / (room.tensor * room.pipeline)
    left = room.usable - weights - room.overhead
    words = (
        f"{_gib(weights)} of weights and {_gib(room.overhead)} of overhead on each of {room.parts} "
        f"with {_gib(room.usable)} usable of {_gib(room.memory)}"
    )
    if left <= 0:
        remedy = "Take a profile with more memory, raise hardware.count, or use a smaller or quantised model."
        return Fit("False", f"{words}: {_gib(-left)} too much. {remedy}", 0)
    shape = model.shape
    if shape is None:
        return Fit("Unknown", f"{words}. The model's configuration does not say how large its keys and values are.")
    # A head is not divided: with more accelerators than heads, each keeps a copy of one.
    heads, layers = -(-shape.kv_heads // room.tensor), -(-shape.layers // room.pipeline)
    tokens = int(left / (2 * layers * heads * shape.head_size * KV_ELEMENT_BYTES))
    return _context(words, tokens, context_tokens or shape.context_tokens, shape.context_tokens)


def _context(words: str, tokens: int, longest: int | None, made_for: int | None) -> Fit:
    """Whether one longest sequence has room."""
    if longest is None:
        return Fit("Unknown", f"{words}. Room for {tokens} tokens, but the model does not say how long its context is.")
    if made_for is not None and longest > made_for:
        return Fit(
            "False", f"engine.maxContextTokens is {longest}, but the model was made for {made_for}. Lower it.", tokens
        )
    if tokens < longest:
        remedy = f"Set engine.maxContextTokens to {tokens} or less, raise hardware.count, or take a larger profile."
        return Fit("False", f"{words}: room for {tokens} tokens, but one sequence may have {longest}. {remedy}", tokens)
    return Fit("True", f"{words}: room for {tokens} tokens, {tokens / longest:.1f} sequences of {longest}.", tokens)


def _sized(model: Resolved, parameter_count: str | None, files: Files) -> Resolved:
    """The model with the bytes of its weights, those of its adapters included."""
    weights = model.weight_bytes
    if not weights and parameter_count:
        scale = _SCALE.get(parameter_count[-1], 1)
        weights = int(float(parameter_count.rstrip("KMBT")) * scale * WEIGHT_BYTES)
    more = sum(one.weight_bytes for name, one in files.found.items() if name != BASE)
    return model.model_copy(update={"weight_bytes": weights + more if weights else 0})


def _gib(count: float) -> str:
    return f"{count / GIB:.1f} GiB"
