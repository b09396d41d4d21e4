"""The calibrations say what was measured. The bounds are those of docs/reference/engine-sim.md.

The short form leaves out the stages near saturation and most saturated ones, which need every request of their
minute, and shortens the others; the long one (marked slow: 250,000 requests, 40 s of a quiet core) is what the page
reports.
"""

from statistics import median

import pytest

from paceline.sim import calibration
from tests.support import measured


def check(errors: list[float], *, typical: float = 0.10, largest: float = 0.20) -> None:
    sizes = [abs(error) for error in errors]
    assert median(sizes) <= typical
    assert max(sizes) <= largest


def test_h100_ttft_and_tpot_well_below_saturation_are_within_ten_and_twenty_percent():
    found = calibration.load("llama-3-8b-h100")
    rows = [row for row in measured.h100_rows() if float(row["ttft_mean_s"]) < measured.NEAR_SATURATION]
    points = [measured.h100_point(found, row, most=600) for row in rows]
    assert len(points) == 17
    check([point.ttft_error for point in points])
    check([point.tpot_error for point in points])


@pytest.mark.parametrize("config", ["vllm", "vllm+batch_size"])
def test_h100_throughput_of_the_first_saturated_stage_is_within_five_percent(config):
    rows = [row for row in measured.h100_rows() if row["config"] == config and measured.saturated(row)]
    point = measured.h100_point(calibration.load("llama-3-8b-h100"), rows[0])
    assert abs(point.rps_error) <= 0.05


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_stage_of_the_h100_sweep_is_as_close_as_the_page_says():
    points = measured.h100_outcomes()
    unsaturated = [point for point in points if not point.saturated]
    assert (len(unsaturated), len(points)) == (21, 35)
    check([point.ttft_error for point in unsaturated])
    check([point.tpot_error for point in unsaturated])
    check([point.rps_error for point in points if point.saturated], typical=0.05, largest=0.05)


@pytest.mark.parametrize("name", ["tp2", "tp4"])
def test_a100_batch_1_is_within_ten_and_twenty_percent(name):
    points = [point for point in measured.a100_outcomes(name) if point.batch == 1]
    assert len(points) == 75
    check([point.ttft_error for point in points])
    check([point.tpot_error for point in points])


@pytest.mark.parametrize("name", ["tp2", "tp4"])
def test_a100_prompt_times_of_larger_batches_do_not_grow_and_so_are_the_first_prompts_only(name):
    """Why they are left out: 32 prompts cannot take as long as 2. Their end-to-end times are whole, and fit."""
    points = [point for point in measured.a100_outcomes(name) if point.batch > 1]
    assert len(points) == 25
    times = [point.ttft for point in points]
    assert max(times) / min(times) < 1.1
    check([point.rps_error for point in points], typical=0.03, largest=0.05)
