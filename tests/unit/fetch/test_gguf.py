"""Heads of .gguf files, good and hostile."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.errors import Stalled
from paceline.fetch.gguf import MOST_HEAD_BYTES, Head, read_head, shape
from tests.support.modelfiles import TEMPLATE, gguf, llama_gguf


def head(body: bytes, size: int | None = None) -> Head:
    return read_head("a.gguf", len(body) if size is None else size, lambda start, length: body[start : start + length])


def test_a_head_says_type_parameters_and_template() -> None:
    found = head(llama_gguf())
    assert found.dtype == "Q4_K"
    assert found.parameters == 64_064
    assert found.chat_template == TEMPLATE
    known = shape(found.values)
    assert known is not None
    assert known.model_dump() == {"layers": 2, "kv_heads": 2, "head_size": 16, "context_tokens": 8192}


def test_a_vocabulary_of_megabytes_is_read_in_few_steps() -> None:
    body = llama_gguf(vocabulary=300_000)
    reads: list[tuple[int, int]] = []

    def read(start: int, length: int) -> bytes:
        reads.append((start, length))
        return body[start : start + length]

    assert read_head("a.gguf", len(body) + 10**9, read).parameters == 64_064
    assert len(reads) <= 4
    assert sum(length for _, length in reads) < 10_000_000


def test_the_tokenizers_digest_is_not_that_of_the_template() -> None:
    plain = head(llama_gguf()).tokenizer
    assert plain
    assert head(llama_gguf(**{"tokenizer.chat_template": "other"})).tokenizer == plain
    assert head(llama_gguf(vocabulary=101)).tokenizer != plain
    assert head(gguf({"general.architecture": "llama"}, {})).tokenizer is None


def test_layers_may_differ() -> None:
    found = head(llama_gguf(**{"llama.attention.head_count_kv": [2, 0], "llama.attention.key_length": 32}))
    known = shape(found.values)
    assert known is not None
    assert (known.layers, known.kv_heads, known.head_size) == (1, 2, 32)


@pytest.mark.parametrize("missing", ["llama.block_count", "llama.attention.head_count", "general.architecture"])
def test_what_is_not_said_is_not_guessed(missing: str) -> None:
    values = {key: value for key, value in head(llama_gguf()).values.items() if key != missing}
    assert shape(values) is None
    narrow = head(llama_gguf(**{"llama.embedding_length": 1}))
    assert shape(narrow.values) is None


def counts(tensors: int, pairs: int, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, pairs) + rest


KEY = struct.pack("<Q", 1) + b"k"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"GGU",
        b"GGML" + b"\0" * 100,
        b"GGUF" + struct.pack("<IQQ", 1, 0, 0),
        counts(2**60, 0),
        counts(0, 2**60),
        counts(1, 0),
        counts(0, 1, struct.pack("<Q", 2**60) + b"x" * 100),
        counts(0, 1, struct.pack("<Q", MOST_HEAD_BYTES) + b"x" * 100),
        counts(0, 1, KEY + struct.pack("<I", 99) + b"x" * 100),
        counts(0, 1, KEY + struct.pack("<IIQ", 9, 4, 2**50) + b"x" * 100),
        counts(0, 1, KEY + struct.pack("<IIQ", 9, 9, 1) + b"x" * 100),
        counts(0, 1, KEY + struct.pack("<IIQ", 9, 8, 5_000_000)),
        counts(1, 0, KEY + struct.pack("<I", 2**30) + b"x" * 100),
    ],
)
def test_hostile_heads_are_invalid_and_read_in_bounds(body: bytes) -> None:
    read = 0

    def count(start: int, length: int) -> bytes:
        nonlocal read
        read += length
        return body[start : start + length]

    with pytest.raises(Stalled, match="SourceInvalid"):
        read_head("a.gguf", max(len(body), 1), count)
    assert read < 2 * MOST_HEAD_BYTES
    with pytest.raises(Stalled, match="SourceInvalid"):
        read_head("a.gguf", 10**12, count)
    assert read < 4 * MOST_HEAD_BYTES


def test_a_head_without_end_is_not_read_for_ever() -> None:
    start = counts(0, 1, struct.pack("<Q", 2 * MOST_HEAD_BYTES))
    read = 0

    def endless(begin: int, length: int) -> bytes:
        nonlocal read
        read += length
        return (start + bytes(length))[begin : begin + length]

    with pytest.raises(Stalled, match="SourceInvalid"):
        read_head("a.gguf", 10**12, endless)
    assert read <= MOST_HEAD_BYTES


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_do_more_than_be_invalid(noise: bytes, place: int) -> None:
    good = llama_gguf(vocabulary=3)
    body = good[:place] + noise + good[place + len(noise) :]
    check_bounded(body)


def check_bounded(body: bytes) -> None:
    """It is read, or it is invalid: any other error is one of ours."""
    reason = "SourceInvalid"
    try:
        shape(head(body).values)
    except Stalled as error:
        reason = error.reason
    assert reason == "SourceInvalid"
