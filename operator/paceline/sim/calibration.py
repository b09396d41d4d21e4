"""Calibrations: measured engines that the simulator can imitate, read from sim/data/*.json."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from paceline.sim.step import StepParameters

SCHEME = "sim://"


class UnknownCalibrationError(ValueError):
    """No calibration has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no calibration {name!r}; known: {', '.join(names())}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the engine was started with.

    Attributes:
        block_size: Tokens per KV block.
        blocks: KV blocks on the accelerators together.
        max_sequences: Sequences in one step (vLLM's max_num_seqs).
        max_batched_tokens: Tokens in one step (vLLM's max_num_batched_tokens).
        max_context: Prompt and answer together, in tokens (vLLM's max_model_len).
        chunked_prefill: A prompt may be computed over several steps; False: whole prompts only.
        prefix_caching: Full prompt blocks are kept and shared.
        prefill_first: Waiting prompts are computed in steps of their own, before any decode (vLLM's V0).
    """

    block_size: int
    blocks: int
    max_sequences: int
    max_batched_tokens: int
    max_context: int
    chunked_prefill: bool
    prefix_caching: bool
    prefill_first: bool = False


@dataclass(frozen=True, slots=True)
class Calibration:
    """One measured engine.

    Attributes:
        name: As in ``sim://<name>``.
        description: Model, accelerators and engine in words.
        step: Step model fitted to the measurement.
        limits: Engine settings that `paceline engine-sim` starts with.
        variants: Other settings the same hardware was measured with: replacements of fields of ``step`` and
            ``limits``; used by the fit report.
        origin: Where the measurement comes from, with licence and attribution.
    """

    name: str
    description: str
    step: StepParameters
    limits: Limits
    variants: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)

    def variant(self, name: str) -> Calibration:
        """Return this calibration with the settings of one measured configuration."""
        changed = self.variants[name]
        return dataclasses.replace(
            self,
            step=dataclasses.replace(self.step, **changed.get("step", {})),
            limits=dataclasses.replace(self.limits, **changed.get("limits", {})),
        )


def names() -> tuple[str, ...]:
    """Return the names of all calibrations, sorted."""
    data = resources.files("paceline.sim") / "data"
    return tuple(sorted(entry.name.removesuffix(".json") for entry in data.iterdir() if entry.name.endswith(".json")))


def load(name: str) -> Calibration:
    """Return a calibration by name or ``sim://`` URI.

    Raises:
        UnknownCalibrationError: No calibration has this name; the message lists those there are.
    """
    short = name.removeprefix(SCHEME)
    if short not in names():
        raise UnknownCalibrationError(short)
    text = (resources.files("paceline.sim") / "data" / f"{short}.json").read_text(encoding="utf-8")
    return parse(short, json.loads(text))


def parse(name: str, document: dict[str, Any]) -> Calibration:
    """Return the calibration that a JSON document describes."""
    return Calibration(
        name=name,
        description=document["description"],
        step=StepParameters(**document["step"]),
        limits=Limits(**document["limits"]),
        variants=document["variants"],
        origin=document["origin"],
    )
