import pytest

from paceline.sim import calibration

KNOWN = ("llama-3-8b-h100", "llama-3.1-8b-a100-tp2", "llama-3.1-8b-a100-tp4")


def test_the_known_calibrations_are_there():
    assert calibration.names() == KNOWN


@pytest.mark.parametrize("name", KNOWN)
def test_every_calibration_states_its_origin_and_licence(name):
    found = calibration.load(f"sim://{name}")
    assert found.name == name
    assert {"source", "commit", "licence", "attribution"} <= set(found.origin)


@pytest.mark.parametrize("name", KNOWN)
def test_a_whole_context_fits_into_the_blocks(name):
    limits = calibration.load(name).limits
    assert limits.blocks * limits.block_size >= limits.max_context
    assert limits.chunked_prefill or limits.max_batched_tokens >= limits.max_context


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(calibration.UnknownCalibrationError, match=r"'gpt-9'.*llama-3-8b-h100"):
        calibration.load("sim://gpt-9")


def test_a_variant_replaces_only_what_it_names():
    whole = calibration.load("llama-3-8b-h100")
    variant = whole.variant("vllm-v1-192")
    assert variant.limits.max_sequences == 192
    assert not variant.limits.chunked_prefill
    assert variant.limits.block_size == whole.limits.block_size
    assert variant.step == whole.step
