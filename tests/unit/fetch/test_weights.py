"""Headers of safetensors files."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.errors import Stalled
from paceline.fetch.weights import Weights, header_length, read_header, together
from tests.support.modelfiles import safetensors


def read(body: bytes) -> Weights:
    length = header_length(body, "a")
    return read_header(body[8 : 8 + length], "a")


def test_a_header_says_numbers_bytes_and_the_type_of_most() -> None:
    body = safetensors({"a": ("BF16", (10, 20)), "b": ("F32", (3,)), "scalar": ("F32", ())})
    assert read(body) == Weights(204, 416, "BF16")
    assert read(safetensors({})) == Weights(0, 0, "")


def test_files_are_counted_together() -> None:
    parts = [Weights(10, 20, "BF16"), Weights(15, 60, "F32"), Weights(10, 20, "BF16")]
    assert together(parts) == Weights(35, 100, "BF16")
    assert together([]) == Weights(0, 0, "")


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0]},
        {"dtype": "F32", "shape": [10**16], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1]},
        [],
        None,
    ],
)
def test_tensors_that_cannot_be_are_invalid(tensor: object) -> None:
    with pytest.raises(Stalled, match="SourceInvalid"):
        read_header(json.dumps({"a": tensor}).encode(), "a")


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_invalid(noise: bytes) -> None:
    reason = "SourceInvalid"
    try:
        read(noise)
    except Stalled as error:
        reason = error.reason
    assert reason == "SourceInvalid"
