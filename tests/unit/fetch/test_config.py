"""Shapes of models from their configurations. Figures are those of the models' own config.json."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.fetch.config import packed, shape
from tests.support.modelfiles import config

LLAMA = {"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096,
         "max_position_embeddings": 131072}  # fmt: skip
GPT2 = {"n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024}
QWEN3 = {"num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096,
         "head_dim": 128, "max_position_embeddings": 40960}  # fmt: skip
DEEPSEEK_V3 = {"num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128, "hidden_size": 7168,
               "kv_lora_rank": 512, "qk_rope_head_dim": 64, "max_position_embeddings": 163840}  # fmt: skip


@pytest.mark.parametrize(
    ("found", "bytes_per_token"),
    [
        (LLAMA, 131_072),
        (GPT2, 36_864),
        (QWEN3, 147_456),
        (DEEPSEEK_V3, 70_272),
        ({"architectures": ["X"], "text_config": LLAMA}, 131_072),
        ({"llm_config": LLAMA, "num_hidden_layers": 3}, 131_072),
        ({**LLAMA, "multi_query": True}, 16_384),
        ({**LLAMA, "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"] * 8},
         32_768),
        ({**LLAMA, "layer_types": ["sliding_attention", "full_attention"] * 16}, 131_072),
        ({**LLAMA, "layer_types": ["mamba"]}, 131_072),
    ],
)  # fmt: skip
def test_memory_of_a_token_follows_from_the_configuration(found: dict[str, Any], bytes_per_token: int) -> None:
    known = shape(found)
    assert known is not None
    assert known.bytes_per_token(2) == bytes_per_token


@pytest.mark.parametrize(
    "found",
    [
        {},
        config(num_hidden_layers=None),
        config(num_hidden_layers=True),
        config(num_hidden_layers=-1),
        config(num_hidden_layers="32"),
        config(num_hidden_layers=10**30),
        config(num_attention_heads=0),
        config(hidden_size=None),
        config(hidden_size=2.5),
        config(hidden_size=1),
    ],
)
def test_what_is_not_said_is_not_guessed(found: dict[str, Any]) -> None:
    assert shape(found) is None


def test_a_context_that_is_not_said_stays_unknown() -> None:
    known = shape(config(max_position_embeddings="long"))
    assert known is not None
    assert known.context_tokens is None


@pytest.mark.parametrize(
    ("found", "dtype", "expected"),
    [
        ({"quantization_config": {"quant_method": "awq"}}, "I32", True),
        ({"quantization_config": {"quant_method": "fp8"}}, "F8_E4M3", False),
        ({}, "I32", False),
    ],
)
def test_numbers_that_hold_several_weights_are_not_counted(found: dict[str, Any], dtype: str, expected: bool) -> None:
    assert packed(found, dtype) is expected
