"""Real input: a slice of azure_llm_2023_conv against two replicas, the client's view against the engine's truth.

python -m tests.acceptance.replay [--runs 3] [--duration 600]: the short form is a drill of the e2e tier.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.support.product import Product, installed

ROOT = Path(__file__).resolve().parents[2]
TRACE = ROOT / "tests" / "data" / "traces" / "azure_llm_2023_conv.csv.gz"


@dataclass(frozen=True)
class Bound:
    """Allowed distance of the client's figure from the engine's: the larger of a share and of milliseconds."""

    share: float
    milliseconds: float

    def holds(self, client: float, engine: float) -> bool:
        return abs(client - engine) <= max(self.share * engine, self.milliseconds)


#: The issue's bounds: (metric, quantile) to what is allowed.
BOUNDS = {
    ("ttft", "p50"): Bound(0.05, 10.0),
    ("ttft", "p95"): Bound(0.10, 25.0),
    ("tpot", "p50"): Bound(0.05, 0.0),
    ("tpot", "p95"): Bound(0.10, 0.0),
}


def quantiles(values: list[float]) -> dict[str, float]:
    """Median and 95th percentile (nearest rank) in the values' unit."""
    ordered = sorted(values)
    return {"p50": median(ordered), "p95": ordered[max(0, -(-95 * len(ordered) // 100) - 1)]}


def client_figures(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """TTFT from the intended moment and TPOT of every answered request, in milliseconds."""
    ttft = [(r["first"] - r["intended"]) * 1000 for r in rows]
    tpot = [(r["last"] - r["first"]) * 1000 / (r["output_tokens"] - 1) for r in rows if r["output_tokens"] > 1]
    return {"ttft": quantiles(ttft), "tpot": quantiles(tpot)}


def engine_figures(truth: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """The same from the engine's truth log, in milliseconds."""
    ttft = [(t["first_token"] - t["arrival"]) * 1000 for t in truth]
    tpot = [
        (t["last_token"] - t["first_token"]) * 1000 / (t["output_tokens"] - 1) for t in truth if t["output_tokens"] > 1
    ]
    return {"ttft": quantiles(ttft), "tpot": quantiles(tpot)}


def compare(rows: list[dict[str, Any]], truth: dict[str, dict[str, Any]]) -> tuple[list[str], dict[str, str]]:
    """What is wrong with a client's rows, and its figures beside the engine's."""
    problems = [f"{r['id']} not answered: {r['status']} {r['error']}" for r in rows if not answered(r)]
    problems += [f"{r['id']} is not in the truth log" for r in rows if answered(r) and r["id"] not in truth]
    known = [r for r in rows if answered(r) and r["id"] in truth]
    if not known:
        return [*problems, "nothing to compare"], {}
    client, engine = client_figures(known), engine_figures([truth[r["id"]] for r in known])
    figures = {}
    for (metric, quantile), bound in BOUNDS.items():
        seen, true = client[metric][quantile], engine[metric][quantile]
        figures[f"{metric} {quantile} client/engine ms"] = f"{seen:.1f}/{true:.1f}"
        if not bound.holds(seen, true):
            problems.append(f"{metric} {quantile}: client {seen:.1f} ms, engine {true:.1f} ms")
    return problems, figures


def answered(row: dict[str, Any]) -> bool:
    return row["status"] == 200 and row["done"] and row["first"] is not None and not row["error"]


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def one_run(host: str, model: str, start: float, duration: float, scratch: Path) -> dict[str, list[dict[str, Any]]]:
    """Locust and, beside it, the raw client with every fourth request; rows by client."""
    outs = {name: scratch / f"{name}-{start:.0f}.jsonl" for name in ("locust", "raw")}
    slice_ = ["--trace", str(TRACE), "--start", str(start), "--duration", str(duration), "--model", model]
    raw = subprocess.Popen(
        [sys.executable, "-m", "loadtests.raw", "--host", host, *slice_, "--keep", "4", "--out", str(outs["raw"])],
        cwd=ROOT,
    )
    subprocess.run(
        [
            *(sys.executable, "-m", "locust", "-f", "loadtests/replay.py", "--headless", "-u", "1", "--host", host),
            *("--only-summary", "--exit-code-on-error", "0", *slice_, "--out", str(outs["locust"])),
        ],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    raw.wait(timeout=600)
    return {name: read(path) for name, path in outs.items()}


def replay(product: Product, runs: int, duration: float) -> tuple[list[str], dict[str, str]]:
    """All runs against two replicas; problems and figures."""
    problems: list[str] = []
    figures: dict[str, str] = {}
    host = product.serve("replay", replicas=2, engine_arguments=("--truth-log=/tmp/truth.jsonl",))
    with tempfile.TemporaryDirectory() as scratch:
        for run in range(runs):
            rows = one_run(host, "replay", 300 + run * 900, duration, Path(scratch))
            truth = {t["id"]: t for t in product.truth("replay", "/tmp/truth.jsonl")}
            for client, seen in rows.items():
                found, compared = compare(seen, truth)
                problems += [f"run {run + 1}, {client}: {problem}" for problem in found]
                figures |= {f"run {run + 1} {client} {name}": value for name, value in compared.items()}
                figures[f"run {run + 1} {client} answered"] = f"{sum(map(answered, seen))}/{len(seen)}"
    product.delete("mdep", "replay")
    return problems, figures


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--duration", type=float, default=600)
    options = parser.parse_args()
    with installed("replay") as product:
        problems, figures = replay(product, options.runs, options.duration)
    for problem in problems[:20]:
        print(problem)
    print(json.dumps(figures))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
