"""The measurements behind the calibrations, and what the simulator says about each of them.

Used by the fit test and by docs/plots/engine_sim_fit.py, so that both report the same numbers.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from statistics import fmean

from paceline.sim import calibration
from paceline.sim.calibration import Calibration, Limits
from paceline.sim.engine import Engine, simulate
from paceline.sim.sequence import Sequence
from paceline.sim.step import StepParameters

TRACES = Path(__file__).parents[1] / "data" / "traces"
#: Workers x connections of the load generator of the H100 sweep: more was never in flight.
MOST_IN_FLIGHT = 440
#: Mean TTFT (s) above which a stage that kept up did so by queueing.
NEAR_SATURATION = 0.06


@dataclass(frozen=True)
class Outcome:
    """One measured point and its simulation; times in seconds, throughput in requests per second."""

    name: str
    saturated: bool
    ttft: float
    sim_ttft: float
    tpot: float
    sim_tpot: float
    rps: float = 0.0
    sim_rps: float = 0.0
    batch: int = 1

    @property
    def ttft_error(self) -> float:
        """Relative error of TTFT."""
        return self.sim_ttft / self.ttft - 1

    @property
    def tpot_error(self) -> float:
        """Relative error of TPOT."""
        return self.sim_tpot / self.tpot - 1

    @property
    def rps_error(self) -> float:
        """Relative error of throughput."""
        return self.sim_rps / self.rps - 1


def rows(name: str) -> list[dict[str, str]]:
    """Read one of the CSV files."""
    with gzip.open(TRACES / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def h100_rows() -> list[dict[str, str]]:
    """The sweep: one row per configuration and stage."""
    return rows("calib_h100_llama3_8b_vllm0110_sweep")


def a100_rows(name: str) -> list[dict[str, str]]:
    """The measurement at tp2 or tp4: one row per run."""
    return rows(f"calib_a100_llama31_8b_{name}")


def saturated(row: dict[str, str]) -> bool:
    """Say whether the engine could not keep up with a stage."""
    return float(row["achieved_rps"]) < 0.97 * float(row["offered_rps"])


def h100_outcomes() -> list[Outcome]:
    """Simulate the whole sweep (about 40 s of one core)."""
    found = calibration.load("llama-3-8b-h100")
    return [h100_typical(found, row) for row in h100_rows()]


def h100_typical(found: Calibration, row: dict[str, str]) -> Outcome:
    """Simulate a stage; with five draws of the arrivals, of which the median TTFT counts, where it is near saturation.

    There the mean TTFT of a minute is one draw of a random walk: the same load gives 0.07 to 0.25 s.
    """
    near = not saturated(row) and float(row["ttft_mean_s"]) > NEAR_SATURATION
    points = [h100_point(found, row, seed=seed) for seed in range(1, 6 if near else 2)]
    return sorted(points, key=lambda point: point.sim_ttft)[len(points) // 2]


def a100_outcomes(name: str) -> list[Outcome]:
    """Simulate every run at tp2 or tp4."""
    found = calibration.load(f"llama-3.1-8b-a100-{name}")
    return [a100_point(found, row) for row in a100_rows(name)]


def h100_variant(row: dict[str, str]) -> str:
    """Name of the variant that a row of the sweep was measured with."""
    if row["engine"] == "v0":
        return "vllm-v0"
    return "vllm-v1-chunked-prefix" if row["chunked_prefill"] == "1" else f"vllm-v1-{row['max_num_seqs']}"


def h100_point(found: Calibration, row: dict[str, str], *, most: int = 10**9, seed: int = 1) -> Outcome:
    """Repeat one stage of the sweep: its arrivals (exponential gaps scaled to 60 s), its cap on what is in flight."""
    engine = Engine(found.variant(h100_variant(row)))
    offered, wanted = float(row["offered_rps"]), int(row["requests"])
    count = min(wanted, most)
    rng = Random(seed)
    gaps = [rng.expovariate(1.0) for _ in range(count)]
    unit = count / offered / sum(gaps)
    prompt, output = round(float(row["prompt_tokens_mean"])), float(row["output_tokens_mean"])
    shared = tuple(range(prompt // 16))
    sequences = [
        Sequence(
            str(index),
            prompt_tokens=prompt,
            output_tokens=int(output) + (rng.random() < output % 1),
            prefix=shared,
        )
        for index in range(count)
    ]
    clock, in_flight = 0.0, 0

    def arrivals() -> Iterator[tuple[float, Sequence] | None]:
        nonlocal in_flight
        due = 0.0
        for gap, sequence in zip(gaps, sequences, strict=True):
            due += gap * unit
            while in_flight >= MOST_IN_FLIGHT:
                yield None
            in_flight += 1
            yield max(due, clock), sequence

    done: list[Sequence] = []
    for end in simulate(engine, arrivals()):
        clock = end.time
        ended = [sequence for sequence in end.tokens if sequence.finished]
        in_flight -= len(ended)
        done += ended
    ttfts = [(s.first_token or 0) - s.arrival for s in done]
    tpots = [((s.last_token or 0) - (s.first_token or 0)) for s in done]
    tokens = fmean(s.output_tokens for s in done)
    return Outcome(
        name=f"{row['config']} {offered:g}/s",
        saturated=saturated(row),
        ttft=float(row["ttft_mean_s"]),
        sim_ttft=fmean(ttfts),
        tpot=float(row["tpot_recomputed_s"]),
        sim_tpot=fmean(tpots) / (tokens - 1),
        rps=float(row["achieved_rps"]),
        sim_rps=count / sequences[-1].arrival,  # as the load generator counts: requests over the span of sending
    )


@cache
def _batch(step: StepParameters, limits: Limits, prompt: int, batch: int, output: int) -> tuple[float, float]:
    """Times of the last first token and of the last token; the measurement repeats each of its points."""
    sequences = [Sequence(str(index), prompt_tokens=prompt, output_tokens=output) for index in range(batch)]
    engine = Engine(Calibration("", "", step, limits))
    for _ in simulate(engine, [(0.0, sequence) for sequence in sequences]):
        pass
    return max(one.first_token or 0 for one in sequences), max(one.last_token or 0 for one in sequences)


def a100_point(found: Calibration, row: dict[str, str]) -> Outcome:
    """Repeat one row of the A100 measurement: a batch of equal prompts on an idle engine."""
    batch, output = int(row["batch_size"]), int(row["token_size"])
    first, last = _batch(found.step, found.limits, int(row["prompt_size"]), batch, output)
    return Outcome(
        name=f"prompt {row['prompt_size']} x {batch}, {output} tokens",
        saturated=False,
        batch=batch,
        ttft=float(row["prompt_time"]),
        sim_ttft=first,
        tpot=float(row["token_time"]) / (output - 1),
        sim_tpot=(last - first) / (output - 1),
        rps=batch / float(row["e2e_time"]),
        sim_rps=batch / last,
    )
