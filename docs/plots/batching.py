"""Draw docs/images/batching.svg: one stream of requests through continuous, dynamic and static batching.

    python docs/plots/batching.py

Every request is run through paceline.sim with the H100 calibration: the picture is the simulator, not a sketch.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "operator"))

from paceline.sim import calibration  # noqa: E402
from paceline.sim.batching import Batching, Mode  # noqa: E402
from paceline.sim.engine import Engine, simulate  # noqa: E402
from paceline.sim.sequence import Sequence  # noqa: E402

SEATS, REQUESTS, RATE, WINDOW = 8, 20, 2.5, 0.5
WAIT, RUN, GHOST = "#f4b183", "#2f6f9f", "#c9d7e3"


@dataclass(frozen=True)
class Panel:
    title: str
    batching: Batching


PANELS = (
    Panel("continuous: join and leave at any step", Batching(Mode.CONTINUOUS, SEATS)),
    Panel(f"dynamic: {SEATS} seats, or {WINDOW:g} s after the first came", Batching(Mode.DYNAMIC, SEATS, WINDOW)),
    Panel(f"static: {SEATS} seats, full only", Batching(Mode.STATIC, SEATS)),
)


def requests() -> list[tuple[float, Sequence]]:
    """The same arrivals for every panel: exponential gaps, answers of 20 to 120 tokens."""
    rng, time, made = Random(4), 0.0, []  # noqa: S311 -- a picture
    for index in range(REQUESTS):
        time += rng.expovariate(RATE)
        made.append((time, Sequence(str(index), prompt_tokens=400, output_tokens=rng.randint(20, 120))))
    return made


def run(batching: Batching) -> list[Sequence]:
    engine = Engine(calibration.load("llama-3-8b-h100"), batching)
    arrivals = requests()
    for _ in simulate(engine, arrivals):
        pass
    return [sequence for _, sequence in arrivals]


def batches(sequences: list[Sequence]) -> dict[float, float]:
    """When the last passenger of each departure got off."""
    ends: dict[float, float] = {}
    for one in sequences:
        if one.scheduled is not None and one.last_token is not None:
            ends[one.scheduled] = max(ends.get(one.scheduled, 0.0), one.last_token)
    return ends


def draw(axes: plt.Axes, panel: Panel, last: float) -> None:
    sequences = run(panel.batching)
    ends = batches(sequences) if panel.batching.mode is not Mode.CONTINUOUS else {}
    waits = []
    for row, one in enumerate(sequences):
        if one.scheduled is None or one.first_token is None or one.last_token is None:
            axes.barh(
                row, last - one.arrival, left=one.arrival, height=0.8, color=WAIT, hatch="////", edgecolor="white"
            )
            continue
        waits.append(one.first_token - one.arrival)
        axes.barh(row, one.first_token - one.arrival, left=one.arrival, height=0.8, color=WAIT)
        axes.barh(row, one.last_token - one.first_token, left=one.first_token, height=0.8, color=RUN)
        if one.scheduled in ends:
            axes.barh(row, ends[one.scheduled] - one.last_token, left=one.last_token, height=0.8, color=GHOST)
    stuck = len(sequences) - len(waits)
    mean = sum(waits) / len(waits)
    said = f"mean TTFT {mean * 1e3:.0f} ms" if mean < 1 else f"mean TTFT {mean:.1f} s"
    if stuck:
        said += f"; the last {stuck} wait for ever"
    axes.set_title(f"{panel.title}\n{said}", fontsize=10, loc="left")
    axes.set_yticks(range(0, REQUESTS, 5))
    axes.set_xlim(0, last)
    axes.set_ylim(REQUESTS, -1)
    axes.set_xlabel("seconds")
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    plt.rcParams.update({"font.family": "DejaVu Sans", "svg.hashsalt": "paceline", "svg.fonttype": "none"})
    figure, all_axes = plt.subplots(1, 3, figsize=(12, 4.6), sharey=True)
    for axes, panel in zip(all_axes, PANELS, strict=True):
        draw(axes, panel, 10.0)
    all_axes[0].set_ylabel("request, in order of arrival")
    handles = [plt.Rectangle((0, 0), 1, 1, color=color) for color in (WAIT, RUN, GHOST)]
    names = ["waits for its first token", "gets tokens", "finished; its seat drives on empty"]
    figure.legend(handles, names, loc="lower center", ncols=3, frameon=False)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    target = ROOT / "docs" / "images" / "batching.svg"
    figure.savefig(target, metadata={"Date": None})
    if len(sys.argv) > 1:
        figure.savefig(sys.argv[1], dpi=80)


if __name__ == "__main__":
    main()
