"""Fit the step model to the measurements, and write the report of what came out.

    python docs/plots/engine_sim_fit.py            # simulate every point, rewrite the tables of the reference page
    python docs/plots/engine_sim_fit.py --fit v1   # find parameters again: v1, v0 (H100), tp2, tp4 (A100); minutes

Gauss-Newton on the logarithm of simulated over measured TTFT, TPOT and throughput. The package holds only the result.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from paceline.sim import calibration  # noqa: E402 -- after the path
from paceline.sim.calibration import Calibration  # noqa: E402
from tests.support import measured  # noqa: E402
from tests.support.measured import Outcome  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "engine-sim.md"
#: Free parameters of each fit; all others come from the hardware or from kernel tables.
FREE = {
    "v1": ("overhead_ms", "token_ms", "sequence_ms", "prefill_ms", "intake_ms", "wake_ms"),
    "v0": ("overhead_ms", "sequence_ms", "prefill_ms", "intake_ms"),
    "tp2": ("weights_ms", "token_ms", "sequence_ms", "context_token_ms", "prefill_square_ms", "eager_ms", "intake_ms"),
    "tp4": ("weights_ms", "token_ms", "sequence_ms", "context_token_ms", "prefill_square_ms", "eager_ms", "intake_ms"),
}


def h100_residuals(base: Calibration, engine: str) -> Callable[[dict[str, float]], np.ndarray]:
    """Residuals of the sweep: one saturated stage of each configuration, all others."""
    rows = [row for row in measured.h100_rows() if row["engine"] == engine]
    last = "5" if engine == "v1" else "4"
    rows = [row for row in rows if not measured.saturated(row) or row["stage"] == last]

    def residuals(changed: dict[str, float]) -> np.ndarray:
        if engine == "v0":
            variants = {**base.variants, "vllm-v0": {**base.variants["vllm-v0"], "step": changed}}
            found = dataclasses.replace(base, variants=variants)
        else:
            found = dataclasses.replace(base, step=dataclasses.replace(base.step, **changed))
        values = []
        for row in rows:
            point = measured.h100_point(found, row)
            if point.saturated:
                values += [3 * math.log(point.sim_rps / point.rps)]
            else:  # near saturation TTFT is one draw of a random walk: less weight
                weight = 1.0 if point.ttft < 0.06 else 0.5
                values += [weight * math.log(point.sim_ttft / point.ttft), math.log(point.sim_tpot / point.tpot)]
        return np.array(values)

    return residuals


def a100_residuals(base: Calibration, name: str) -> Callable[[dict[str, float]], np.ndarray]:
    """Residuals of the batch-1 rows, and of the end-to-end time of the larger batches."""
    rows = measured.a100_rows(name)

    def residuals(changed: dict[str, float]) -> np.ndarray:
        found = dataclasses.replace(base, step=dataclasses.replace(base.step, **changed))
        values = []
        for row in rows:
            point = measured.a100_point(found, row)
            if row["batch_size"] == "1":
                values += [math.log(point.sim_ttft / point.ttft), math.log(point.sim_tpot / point.tpot)]
            else:
                values += [math.log(point.sim_rps / point.rps)]
        return np.array(values)

    return residuals


def fit(which: str, iterations: int = 6) -> dict[str, float]:
    """Return the parameters that fit best, starting from those of the package."""
    names = FREE[which]
    if which in {"v0", "v1"}:
        base = calibration.load("llama-3-8b-h100")
        residuals = h100_residuals(base, which)
        start = base.variant("vllm-v0").step if which == "v0" else base.step
    else:
        base = calibration.load(f"llama-3.1-8b-a100-{which}")
        residuals, start = a100_residuals(base, which), base.step
    x = np.array([getattr(start, name) for name in names])

    def at(values: np.ndarray) -> np.ndarray:
        return residuals(dict(zip(names, map(float, values), strict=True)))

    current, damping = at(x), 0.01
    for _ in range(iterations):
        scale = np.maximum(abs(x), 1e-8)
        slopes = []
        for index in range(len(x)):
            moved = x.copy()
            moved[index] += 0.03 * scale[index]
            slopes.append((at(moved) - current) / 0.03)
        jacobian = np.array(slopes).T
        for _ in range(4):
            step = np.linalg.solve(jacobian.T @ jacobian + damping * np.eye(len(x)), -jacobian.T @ current)
            tried = np.maximum(x + scale * step, 1e-9)
            values = at(tried)
            if values @ values < current @ current:
                x, current, damping = tried, values, damping / 3
                break
            damping *= 5
        print(f"{float(current @ current):.4f}", dict(zip(names, x.round(7).tolist(), strict=True)), flush=True)
    return dict(zip(names, x.tolist(), strict=True))


def percent(value: float) -> str:
    return f"{value:+.1%}".replace("%", " %")


def summary(name: str, errors: list[float]) -> str:
    sizes = [abs(error) for error in errors]
    return f"| {name} | {len(sizes)} | {median(sizes):.1%} | {max(sizes):.1%} |".replace("%", " %")


def report() -> str:
    """Return the tables: a summary, and every point."""
    h100 = measured.h100_outcomes()
    lines = ["| points | n | median error | largest error |", "|---|---|---|---|"]
    unsaturated = [point for point in h100 if not point.saturated]
    lines.append(summary("H100, not saturated: mean TTFT", [point.ttft_error for point in unsaturated]))
    lines.append(summary("H100, not saturated: mean TPOT", [point.tpot_error for point in unsaturated]))
    lines.append(summary("H100, saturated: throughput", [point.rps_error for point in h100 if point.saturated]))
    tables = []
    for name in ("tp2", "tp4"):
        points = measured.a100_outcomes(name)
        alone = [point for point in points if point.batch == 1]
        lines.append(summary(f"A100 {name.upper()}, batch 1: TTFT", [point.ttft_error for point in alone]))
        lines.append(summary(f"A100 {name.upper()}, batch 1: TPOT", [point.tpot_error for point in alone]))
        groups = [point.rps_error for point in points if point.batch > 1]
        lines.append(summary(f"A100 {name.upper()}, batch 2 to 32: end to end (not asked for)", groups))
        tables.append(a100_table(name, points))
    return "\n".join([*lines, "", *h100_table(h100), *(line for table in tables for line in table)])


def h100_table(points: list[Outcome]) -> list[str]:
    head = "| H100 sweep |" + "".join(f" {what} | simulated | error |" for what in ("TTFT", "TPOT", "req/s"))
    lines = [head, "|---|---|---|---|---|---|---|---|---|---|"]
    for point in points:
        mark = " (saturated)" if point.saturated else ""
        ttft = f"{point.ttft * 1e3:.1f} ms | {point.sim_ttft * 1e3:.1f} | {percent(point.ttft_error)}"
        tpot = f"{point.tpot * 1e3:.2f} ms | {point.sim_tpot * 1e3:.2f} | {percent(point.tpot_error)}"
        rps = f"{point.rps:.1f} | {point.sim_rps:.1f} | {percent(point.rps_error)}"
        lines.append(f"| {point.name}{mark} | {ttft} | {tpot} | {rps} |")
    return [*lines, ""]


def a100_table(name: str, points: list[Outcome]) -> list[str]:
    """One line per point, repeats averaged."""
    head = (
        f"| A100 {name.upper()} | TTFT measured | simulated | error | TPOT measured | simulated | error | end to end |"
    )
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for group in dict.fromkeys(point.name for point in points):
        same = [point for point in points if point.name == group]
        one = dataclasses.replace(
            same[0],
            ttft=median(p.ttft for p in same),
            tpot=median(p.tpot for p in same),
            rps=median(p.rps for p in same),
        )
        if one.batch == 1:
            ttft = f"{one.ttft * 1e3:.1f} ms | {one.sim_ttft * 1e3:.1f} | {percent(one.ttft_error)}"
            tpot = f"{one.tpot * 1e3:.2f} ms | {one.sim_tpot * 1e3:.2f} | {percent(one.tpot_error)}"
        else:
            ttft, tpot = f"({one.ttft * 1e3:.1f} ms) | - | -", f"({one.tpot * 1e3:.2f} ms) | - | -"
        lines.append(f"| {one.name} | {ttft} | {tpot} | {percent(1 / (1 + one.rps_error) - 1)} |")
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", choices=sorted(FREE), help="find parameters again and print them")
    arguments: Any = parser.parse_args()
    if arguments.fit:
        fit(arguments.fit)
        return
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- fit report: docs/plots/engine_sim_fit.py -->\n")
    _, _, after = rest.partition("<!-- end of the fit report -->")
    begin, end = "<!-- fit report: docs/plots/engine_sim_fit.py -->\n", "<!-- end of the fit report -->"
    PAGE.write_text(f"{before}{begin}\n{report()}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
