"""A real model of llama's architecture in half a megabyte, which says one known sentence.

All layers are there and are computed. Their weights are so small that what comes next depends on the last token alone:
its embedding is one of a few orthogonal directions, and the output layer turns each into the word that follows. Any
prompt is answered with the sentence. So a right answer shows that this very file was read and run.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

#: No word comes twice: a word is a token, and the token alone says what follows.
SENTENCE = "This answer was computed one token after another from a tiny GGUF file."
#: What the file says of itself.
LAYERS, HEADS, KV_HEADS, WIDTH, FEED_FORWARD, CONTEXT = 2, 4, 2, 64, 128, 32768
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"

_SPECIAL = ("<unk>", "<s>", "</s>")
_END = 2
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
#: Of all weights but embeddings and output: the layers add next to nothing.
_FAINT = 1e-3


def _words() -> list[str]:
    """A token for each word, with the mark that stands for a space."""
    return [f"▁{word}" for word in SENTENCE.split()]


def tokens() -> list[str]:
    """The whole vocabulary."""
    return [*_SPECIAL, *_BYTES, *_words()]


def write(path: Path, *, pooling: gguf.PoolingType | None = None) -> Path:
    """Write the model; the same bytes each time.

    Args:
        path: Of the file to write.
        pooling: Makes it a model for embeddings.
    """
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    if pooling is not None:
        writer.add_pooling_type(pooling)
    _add_tokenizer(writer)
    for name, weights in _weights().items():
        writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter) -> None:
    words = _words()
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens())
    writer.add_token_scores([0.0] * (len(_SPECIAL) + len(_BYTES)) + [-float(place) for place in range(len(words))])
    writer.add_token_types([_UNKNOWN, _CONTROL, _CONTROL, *([_BYTE] * len(_BYTES)), *([_NORMAL] * len(words))])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(_END)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)


def _weights() -> dict[str, np.ndarray]:
    count, first = len(tokens()), len(_SPECIAL) + len(_BYTES)
    embeddings = np.zeros((count, WIDTH), dtype=np.float32)
    output = np.zeros((count, WIDTH), dtype=np.float32)
    embeddings[:first, 0] = 1.0  # whatever a prompt ends with
    for place, token in enumerate(range(first, count)):
        embeddings[token, place + 1] = 1.0
        output[token, place] = 4.0
    last = count - first
    output[_END, last] = 4.0
    output[first, last] = 2.0  # it begins again where the end is forbidden
    weights = {"token_embd.weight": embeddings, "output.weight": output, "output_norm.weight": _ones()}
    random = np.random.default_rng(1)
    for layer in range(LAYERS):
        at = f"blk.{layer}"
        weights[f"{at}.attn_norm.weight"] = weights[f"{at}.ffn_norm.weight"] = _ones()
        for name, rows, columns in (
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH * KV_HEADS // HEADS, WIDTH),
            ("attn_v", WIDTH * KV_HEADS // HEADS, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", FEED_FORWARD, WIDTH),
            ("ffn_up", FEED_FORWARD, WIDTH),
            ("ffn_down", WIDTH, FEED_FORWARD),
        ):
            weights[f"{at}.{name}.weight"] = (random.standard_normal((rows, columns)) * _FAINT).astype(np.float32)
    return weights


def _ones() -> np.ndarray:
    return np.ones(WIDTH, dtype=np.float32)
