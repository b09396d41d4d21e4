"""Files of models that are small enough for a test, made by hand after the formats' descriptions."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence

SIZES = {"BF16": 2, "F16": 2, "F32": 4, "I32": 4, "U8": 1, "F8_E4M3": 1}
TEMPLATE = "{% for message in messages %}\n{{ message.content }}\n{% endfor %}"


def safetensors(tensors: Mapping[str, tuple[str, Sequence[int]]], fill: bytes = b"w") -> bytes:
    """A file with these tensors: name → (type, shape)."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        size = math.prod(shape) * SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + (fill * (end // len(fill) + 1))[:end]


def config(**changes: object) -> dict[str, object]:
    """A config.json in the way of transformers."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "hidden_size": 64,
        "max_position_embeddings": 4096,
        **changes,
    }


def model(rows: int = 1000, **changes: object) -> dict[str, bytes]:
    """A whole model: configuration, tokenizer, template, one file of weights of rows x 64 BF16."""
    return {
        "config.json": json.dumps(config(**changes)).encode(),
        "tokenizer.json": b'{"model": {"type": "BPE"}}',
        "tokenizer_config.json": json.dumps({"chat_template": TEMPLATE}).encode(),
        "model.safetensors": safetensors({"embed.weight": ("BF16", (rows, 64)), "norm.weight": ("F32", (64,))}),
        "README.md": b"# A model",
    }


def sharded(shards: int = 3, rows: int = 500) -> dict[str, bytes]:
    """The same in several files of weights with an index."""
    files = model()
    del files["model.safetensors"]
    names = [f"model-{number:05d}-of-{shards:05d}.safetensors" for number in range(1, shards + 1)]
    for number, name in enumerate(names):
        files[name] = safetensors({f"layer.{number}": ("BF16", (rows, 64))}, fill=bytes([65 + number]))
    index = {"metadata": {}, "weight_map": {f"layer.{number}": name for number, name in enumerate(names)}}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    return files


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def gguf_value(value: object) -> bytes:
    """A typed value: text, whole number, truth, or a list of texts or whole numbers."""
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(each) for each in value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 4, len(value)) + b"".join(struct.pack("<I", each) for each in value)
    raise TypeError(type(value))


def gguf(values: Mapping[str, object], tensors: Mapping[str, tuple[int, Sequence[int]]], data: int = 4096) -> bytes:
    """A .gguf file, version 3: pairs, tensors as name → (ggml type, shape), and so many bytes of weights."""
    text = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    for key, value in values.items():
        text += _text(key) + gguf_value(value)
    for name, (kind, shape) in tensors.items():
        text += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, 0)
    text += b"\0" * (-len(text) % 32)
    return text + b"q" * data


def llama_gguf(vocabulary: int = 100, **changes: object) -> bytes:
    """A model of llama's architecture in 4 bits."""
    values: dict[str, object] = {
        "general.architecture": "llama",
        "llama.block_count": 2,
        "llama.context_length": 8192,
        "llama.embedding_length": 64,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "tokenizer.ggml.tokens": [f"token{number}" for number in range(vocabulary)],
        "tokenizer.chat_template": TEMPLATE,
        **changes,
    }
    return gguf(values, {"token_embd.weight": (12, (64, 1000)), "output_norm.weight": (0, (64,))})
