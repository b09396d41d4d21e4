"""Memory of known models on known hardware."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api.resolved import Resolved, Shape
from paceline.decide.fit import GIB, OVERHEAD_BYTES, USABLE, Fit, Room, fit, judge
from tests.support import models

LLAMA_8B = Shape(layers=32, kv_heads=8, head_size=128, context_tokens=131072)
QWEN_7B = Shape(layers=28, kv_heads=4, head_size=128, context_tokens=32768)
GPU = {"acceleratorResource": "nvidia.com/gpu", "memoryGiB": 80}


def room(gib: int, parts: int = 1, tensor: int = 1, pipeline: int = 1) -> Room:
    return Room(parts, gib * GIB, gib * GIB * USABLE, OVERHEAD_BYTES, tensor, pipeline)


H100, L4 = room(80), room(24)


def model(gib: float, shape: Shape | None = LLAMA_8B) -> Resolved:
    return Resolved(commit="abc", bytes=int(gib * GIB), weight_bytes=int(gib * GIB), shape=shape)


def fitting(spec: dict, profile: dict | None = None, **found: object) -> Fit:
    """Whether a ModelDeployment of files fits."""
    md = models.model({"model": {"uri": "hf://acme/model"}} | spec)
    hardware = models.hardware(**(GPU if profile is None else profile))
    return fit(md, hardware, models.plan(md, hardware), models.files(md, **found))


def test_keys_and_values_of_a_token_are_those_of_the_published_models() -> None:
    assert LLAMA_8B.bytes_per_token(2) == 131072, "128 KiB for each token of Llama-3-8B in 16 bits"
    assert QWEN_7B.bytes_per_token(2) == 57344, "56 KiB for each token of Qwen2.5-7B"


def test_a_model_of_8_billion_fits_an_h100_with_room_for_three_longest_sequences() -> None:
    found = judge(model(15.0), H100, None)
    assert found.status == "True"
    assert found.kv_tokens == int((80 * GIB * 0.9 - 17 * GIB) / 131072)
    assert "15.0 GiB of weights" in found.message
    assert "3.4 sequences of 131072" in found.message


def test_a_context_that_has_no_room_is_said_with_the_one_that_has() -> None:
    found = judge(model(15.0), L4, None)
    assert found.status == "False"
    assert found.kv_tokens is not None
    assert f"Set engine.maxContextTokens to {found.kv_tokens} or less" in found.message
    assert judge(model(15.0), L4, found.kv_tokens).status == "True"
    assert judge(model(15.0), L4, found.kv_tokens + 1).status == "False"


def test_weights_alone_may_be_too_much() -> None:
    found = judge(model(140.0), H100, 4096)
    assert (found.status, found.kv_tokens) == ("False", 0)
    assert "70.0 GiB too much" in found.message


def test_weights_are_divided_among_the_accelerators() -> None:
    assert judge(model(140.0), room(80, 4, tensor=4), 4096).status == "True"
    assert judge(model(140.0), room(80, 4, tensor=2, pipeline=2), 4096).status == "True"


def test_a_head_is_not_divided_so_more_accelerators_than_heads_keep_no_more_tokens() -> None:
    one_head = Shape(layers=32, kv_heads=1, head_size=128, context_tokens=4096)
    alone, divided = (judge(model(0.0, one_head), room(80, n, tensor=n), None) for n in (1, 8))
    assert alone.kv_tokens == divided.kv_tokens


def test_a_context_longer_than_the_model_was_made_for_is_refused() -> None:
    assert "was made for 32768" in judge(model(15.0, QWEN_7B), H100, 65536).message


@pytest.mark.parametrize(
    ("resolved", "words"),
    [
        (model(15.0, None), "does not say how large its keys and values are"),
        (model(15.0, Shape(layers=32, kv_heads=8, head_size=128)), "how long its context is"),
    ],
)
def test_what_the_model_does_not_say_is_unknown(resolved: Resolved, words: str) -> None:
    found = judge(resolved, H100, None)
    assert found.status == "Unknown"
    assert words in found.message


@given(st.integers(1, 200), st.integers(1, 200))
def test_more_memory_never_makes_it_fit_less(small: int, more: int) -> None:
    order = {"False": 0, "True": 1}
    statuses = [judge(model(15.0), room(memory), 4096).status for memory in (small, small + more)]
    assert order[statuses[0]] <= order[statuses[1]]


def test_the_nine_lines_of_the_readme_fit_an_h100() -> None:
    assert fitting({}).status == "True"


def test_the_simulator_always_fits_and_an_image_is_not_looked_into() -> None:
    simulated, own = models.model(), models.custom()
    hardware = models.hardware()
    assert fit(simulated, hardware, models.plan(simulated), None).status == "True"
    assert fit(own, hardware, models.plan(own), None).status == "Unknown"


def test_a_process_on_cpus_has_what_its_memory_limit_says() -> None:
    spec = {"model": {"uri": "hf://acme/model", "file": "a.gguf"}, "engine": {"maxContextTokens": 1024}}
    size = {"weightBytes": 4 * GIB}
    assert fitting(spec, {"resources": {"limits": {"memory": "8Gi"}}}, **size).status == "True"
    assert fitting(spec, {"resources": {"limits": {"memory": "4Gi"}}}, **size).status == "False"
    assert "limits.memory" in fitting(spec, {}, **size).message


def test_a_profile_that_does_not_say_how_much_memory_it_has_is_unknown() -> None:
    found = fitting({}, {"acceleratorResource": "nvidia.com/gpu", "resources": {"limits": {"memory": "8Gi"}}})
    assert (found.status, "memoryGiB" in found.message) == ("Unknown", True)


def test_a_count_that_the_user_gives_stands_in_for_weights_that_are_not_known() -> None:
    nothing = {"weightBytes": 0, "parameters": None}
    assert "set spec.model.parameterCount" in fitting({}, **nothing).message
    for count in ("70B", "70000M", "70000000000"):
        found = fitting({"model": {"uri": "hf://acme/model", "parameterCount": count}}, **nothing)
        assert (found.status, "130.4 GiB of weights" in found.message) == ("False", True)


def test_adapters_are_weights_too() -> None:
    adapters = [{"name": "a", "uri": "hf://acme/a"}]
    assert "14.2 GiB of weights" in fitting({"adapters": adapters}).message


def test_arguments_that_change_what_is_needed_make_a_refusal_unknown() -> None:
    large = {"weightBytes": 100 * GIB}
    assert fitting({}, **large).status == "False"
    found = fitting({"engine": {"args": ["--quantization=fp8"]}}, **large)
    assert (found.status, "--quantization in spec.engine.args" in found.message) == ("Unknown", True)
