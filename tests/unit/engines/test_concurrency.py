"""How many requests an engine computes at a time."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.engines.concurrency import concurrency


@pytest.mark.parametrize(
    ("engine", "args", "places"),
    [
        ("VLLM", [], 1024),
        ("VLLM", ["--max-num-seqs=64"], 64),
        ("VLLM", ["--max_num_seqs", "64"], 64),
        ("VLLM", ["--max-num-seqs=64", "--max-num-seqs=32"], 32),
        ("VLLM", ["--max-num-seqs=64", "--data-parallel-size=2"], 128),
        ("VLLM", ["-dp", "2"], 2048),
        ("SGLang", ["--max-running-requests", "48", "--dp-size=2"], 48),
        ("SGLang", [], None),
        ("LlamaCpp", ["--ctx-size", "4096"], 4),
        ("LlamaCpp", ["-np", "8"], 8),
        ("Simulator", ["--batching=static", "--max-batch-size=16"], 16),
        ("Simulator", ["--batching=continuous"], None),
        ("Custom", ["--max-num-seqs=64"], None),
    ],
)
def test_it_is_what_its_arguments_say_else_what_the_engine_does_by_itself(
    engine: Any, args: list[str], places: int | None
) -> None:
    assert concurrency(engine, args) == places


@pytest.mark.parametrize("value", ["=", "=0", "=-1", "=many", "=9999999", "=²"])
def test_a_number_that_is_none_is_overlooked(value: str) -> None:
    assert concurrency("LlamaCpp", [f"--parallel{value}"]) == 4
    assert concurrency("LlamaCpp", ["--parallel=7", f"--parallel{value}", "--parallel"]) == 7
