"""Builders for the simulated engine."""

from __future__ import annotations

from typing import Any

from paceline.sim.batching import Batching, Mode
from paceline.sim.calibration import Calibration, Limits
from paceline.sim.engine import Engine
from paceline.sim.sequence import Sequence
from paceline.sim.step import StepParameters


def parameters(**changed: Any) -> StepParameters:
    """10 ms for a step, 1 ms for each sequence in it and 1 ms for each ten prompt tokens."""
    values = {
        "overhead_ms": 10.0,
        "weights_ms": 0.0,
        "token_ms": 0.1,
        "sequence_ms": 0.9,
        "context_token_ms": 0.0,
        "prefill_square_ms": 0.0,
        "prefill_ms": 0.0,
        "eager_ms": 0.0,
        "graph_context_tokens": 10**9,
        "intake_ms": 0.0,
        "wake_ms": 0.0,
    }
    return StepParameters(**{**values, **changed})


def limits(**changed: Any) -> Limits:
    """Room for 100 blocks of 4 tokens and 8 sequences."""
    values = {
        "block_size": 4,
        "blocks": 100,
        "max_sequences": 8,
        "max_batched_tokens": 64,
        "max_context": 200,
        "chunked_prefill": True,
        "prefix_caching": False,
    }
    return Limits(**{**values, **changed})


def calibration(*, step: dict[str, Any] | None = None, **changed: Any) -> Calibration:
    """An engine that is easy to reckon with."""
    return Calibration("test", "an engine for tests", parameters(**(step or {})), limits(**changed))


def engine(
    batching: Batching | None = None, *, slowdown: float = 1.0, step: dict[str, Any] | None = None, **changed: Any
) -> Engine:
    """The same, ready to run."""
    return Engine(calibration(step=step, **changed), batching, slowdown=slowdown)


def sequence(id: str = "a", prompt: int = 8, output: int = 4, prefix: tuple[int, ...] = ()) -> Sequence:
    """A short request."""
    return Sequence(id, prompt_tokens=prompt, output_tokens=output, prefix=prefix)


def dynamic(size: int, window: float) -> Batching:
    """A bus that leaves by the clock."""
    return Batching(Mode.DYNAMIC, size, window)


def static(size: int) -> Batching:
    """A bus that leaves full."""
    return Batching(Mode.STATIC, size)
