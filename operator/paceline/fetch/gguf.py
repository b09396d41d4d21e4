"""The head of a .gguf file: key-value pairs and descriptions of tensors, read by ranges and never the weights.

Format: little-endian, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3).
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from paceline.api.resolved import Shape
from paceline.errors import Stalled
from paceline.fetch.reasons import invalid

Value = int | float | bool | str | tuple[int, ...] | None

#: The largest vocabularies (256,000 tokens with scores and merges) make heads of about 20 MB.
MOST_HEAD_BYTES = 64 * 1024 * 1024
_STEP_BYTES = 1024 * 1024
_MOST_PAIRS = 10_000
_MOST_TENSORS = 100_000
_MOST_DIMENSIONS = 8
_MOST_ELEMENTS = 10_000_000
#: Arrays are kept where they may be heads of each layer; vocabularies are only hashed.
_MOST_KEPT_ELEMENTS = 4096
_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
#: ggml_type, without those that were removed.
_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """What the head says.

    Attributes:
        values: Key-value pairs; None for long arrays and arrays of anything but whole numbers.
        parameters: Numbers in all tensors.
        dtype: Type of most numbers, such as Q4_K.
        tokenizer: SHA-256 of all tokenizer.* pairs as they stand, the chat template left out; None without any.
    """

    values: Mapping[str, Value]
    parameters: int
    dtype: str
    tokenizer: str | None

    @property
    def chat_template(self) -> str | None:
        """The template that the file carries."""
        found = self.values.get("tokenizer.chat_template")
        return found if isinstance(found, str) else None


class _Reader:
    """Reads on from the beginning, in steps of a megabyte and then as much again as it has."""

    def __init__(self, name: str, size: int, read: Callable[[int, int], bytes]) -> None:
        self.name, self._size, self._read = name, size, read
        self.buffer = bytearray()
        self.position = 0

    def take(self, count: int) -> memoryview:
        end = self.position + count
        if end > min(self._size, MOST_HEAD_BYTES):
            raise _invalid(self.name, "its head does not end where it may")
        while len(self.buffer) < end:
            step = max(_STEP_BYTES, len(self.buffer), end - len(self.buffer))
            more = self._read(len(self.buffer), min(step, self._size - len(self.buffer)))
            if not more:
                raise _invalid(self.name, "it ends within its head")
            self.buffer = self.buffer + more  # a new object: views of the old one stay good
        view = memoryview(self.buffer)[self.position : end]
        self.position = end
        return view

    def number(self, form: str) -> int:
        (value,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(value)

    def text(self) -> str:
        return bytes(self.take(self.number("<Q"))).decode("utf-8", "replace")


def read_head(name: str, size: int, read: Callable[[int, int], bytes]) -> Head:
    """Read the head of a file.

    Args:
        name: Of the file, for messages.
        size: Of the file.
        read: Gives bytes from a place on, at most so many.

    Raises:
        Stalled: reason SourceInvalid.
    """
    reader = _Reader(name, size, read)
    if bytes(reader.take(4)) != b"GGUF":
        raise _invalid(name, "it does not begin with GGUF")
    version = reader.number("<I")
    if version not in {2, 3}:
        raise _invalid(name, f"it is of version {version}, and versions 2 and 3 are known")
    tensors, pairs = reader.number("<Q"), reader.number("<Q")
    if tensors > _MOST_TENSORS or pairs > _MOST_PAIRS:
        raise _invalid(name, f"it would have {tensors} tensors and {pairs} pairs")
    values: dict[str, Value] = {}
    words = hashlib.sha256()
    for _ in range(pairs):
        begin = reader.position
        key = reader.text()
        values[key] = _value(reader, reader.number("<I"))
        if key.startswith("tokenizer.") and not key.startswith("tokenizer.chat_template"):
            words.update(memoryview(reader.buffer)[begin : reader.position])
    numbers = _tensors(reader, tensors)
    tokenizer = words.hexdigest() if any(key.startswith("tokenizer.ggml.tokens") for key in values) else None
    return Head(values, numbers.total(), numbers.most_common(1)[0][0] if numbers else "", tokenizer)


def shape(values: Mapping[str, Value]) -> Shape | None:
    """Layers and heads; None where the head does not say."""
    kind = values.get("general.architecture")

    def layers_of(key: str) -> tuple[int, ...]:
        found = values.get(f"{kind}.{key}")
        each = found if isinstance(found, tuple) else (found,)
        return tuple(one for one in each if isinstance(one, int) and not isinstance(one, bool) and one > 0)

    layers, heads = layers_of("block_count"), layers_of("attention.head_count")
    keep = layers_of("attention.head_count_kv") or heads
    width = layers_of("embedding_length")
    if not layers or not heads or not (layers_of("attention.key_length") or width):
        return None
    size = max(layers_of("attention.key_length") or (width[0] // max(heads),))
    # An array has an entry for each layer, zero where the layer keeps no keys.
    kept = len(keep) if isinstance(values.get(f"{kind}.attention.head_count_kv"), tuple) else layers[0]
    longest = layers_of("context_length")
    if size < 1:
        return None
    return Shape(layers=kept, kv_heads=max(keep), head_size=size, context_tokens=longest[0] if longest else None)


def _value(reader: _Reader, kind: int) -> Value:
    if kind == _STRING:
        return reader.text()
    if kind == _ARRAY:
        return _array(reader)
    if kind not in _NUMBERS:
        raise _invalid(reader.name, f"it has a value of the unknown type {kind}")
    form = _NUMBERS[kind]
    (found,) = struct.unpack(form, reader.take(struct.calcsize(form)))
    return found  # type: ignore[no-any-return]


def _array(reader: _Reader) -> Value:
    kind, count = reader.number("<I"), reader.number("<Q")
    if count > _MOST_ELEMENTS:
        raise _invalid(reader.name, f"it has an array of {count} elements")
    if kind == _STRING:
        for _ in range(count):
            reader.take(reader.number("<Q"))
        return None
    if kind not in _NUMBERS:
        raise _invalid(reader.name, f"it has an array of the type {kind}")
    form = _NUMBERS[kind]
    bulk = reader.take(struct.calcsize(form) * count)
    if count > _MOST_KEPT_ELEMENTS or kind in {6, 12}:
        return None
    return tuple(int(each) for (each,) in struct.iter_unpack(form, bulk))


def _tensors(reader: _Reader, count: int) -> Counter[str]:
    numbers: Counter[str] = Counter()
    for _ in range(count):
        reader.text()
        dimensions = reader.number("<I")
        if dimensions > _MOST_DIMENSIONS:
            raise _invalid(reader.name, f"it has a tensor of {dimensions} dimensions")
        size = 1
        for _ in range(dimensions):
            size *= reader.number("<Q")
        kind = reader.number("<I")
        reader.number("<Q")
        numbers[_TYPES.get(kind, f"GGML_{kind}")] += size
    return numbers


def _invalid(name: str, why: str) -> Stalled:
    return invalid(f"{name[:100]!r} is no .gguf file that can be read: {why}. Use another file or source.")
