"""What a config.json of transformers says about the memory of a model's keys and values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from paceline.api.resolved import Shape
from paceline.fetch.reasons import invalid

MOST_BYTES = 8 * 1024 * 1024
#: Where models that see as well as read keep what matters here.
_NESTED = ("text_config", "llm_config", "language_config")
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_HEADS = ("num_attention_heads", "n_head", "n_heads")
_KV_HEADS = ("num_key_value_heads", "num_kv_heads")
_HIDDEN = ("hidden_size", "n_embd", "d_model")
_LONGEST = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
#: Types of layers that keep a state of fixed size instead of keys and values.
_WITHOUT_KEYS = ("linear_attention", "mamba", "recurrent", "conv")
_MOST = 10**9


def parse(text: bytes, name: str) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        Stalled: reason SourceInvalid, where it is none.
    """
    if len(text) > MOST_BYTES:
        raise invalid(f"{name} has more than {MOST_BYTES} bytes. Use another revision or source.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"{name} is no JSON ({type(error).__name__}). Use another revision or source.") from error
    if not isinstance(found, dict):
        raise invalid(f"{name} is no JSON object. Use another revision or source.")
    return found


def shape(config: Mapping[str, Any]) -> Shape | None:
    """Layers, heads and context of a configuration; None where it does not say."""
    nested: Mapping[str, Any] = next((config[key] for key in _NESTED if isinstance(config.get(key), Mapping)), {})
    source = {**config, **nested}
    layers, heads, longest = _first(source, _LAYERS), _first(source, _HEADS), _first(source, _LONGEST)
    if layers is None or heads is None:
        return None
    layers = _keeping(source.get("layer_types"), layers)
    latent = _latent(source)
    if latent is not None:
        return Shape(layers=layers, kv_heads=1, head_size=latent, context_tokens=longest)
    hidden = _first(source, _HIDDEN)
    size = _first(source, ("head_dim",)) or (hidden // heads if hidden else None)
    if not size:
        return None
    kv_heads = 1 if source.get("multi_query") is True else _first(source, _KV_HEADS) or heads
    return Shape(layers=layers, kv_heads=kv_heads, head_size=size, context_tokens=longest)


def packed(config: Mapping[str, Any], dtype: str) -> bool:
    """Whether several weights share one number of the files, so that counting numbers does not count weights."""
    return isinstance(config.get("quantization_config"), Mapping) and dtype in {"I32", "U32", "I64", "U8"}


def _latent(source: Mapping[str, Any]) -> int | None:
    """Half of what multi-head latent attention (DeepSeek) keeps of a token in a layer: one vector, not two."""
    rank, rope = _first(source, ("kv_lora_rank",)), _first(source, ("qk_rope_head_dim",))
    return -(-(rank + rope) // 2) if rank and rope else None


def _keeping(types: object, layers: int) -> int:
    if not isinstance(types, list) or len(types) != layers:
        return layers
    return max(1, sum(not str(each).startswith(_WITHOUT_KEYS) for each in types))


def _first(source: Mapping[str, Any], keys: Sequence[str]) -> int | None:
    for key in keys:
        value = source.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST:
            return value
    return None
