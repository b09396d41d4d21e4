"""What headers of safetensors files say about a model's size; the weights themselves are never read."""

from __future__ import annotations

import json
import math
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from paceline.errors import Stalled
from paceline.fetch.reasons import invalid

#: The length of a safetensors header is in its first eight bytes. Headers have about 120 bytes for each tensor; the
#: format allows 100 MB, which as Python objects would be a gigabyte.
LENGTH_BYTES = 8
MOST_HEADER_BYTES = 16 * 1024 * 1024
#: A thousand times the largest models; a header that says more lies.
_MOST_PARAMETERS = 10**15


@dataclass(frozen=True, slots=True)
class Weights:
    """What headers say.

    Attributes:
        parameters: Numbers in all tensors.
        bytes: Of all tensors.
        dtype: Type of most numbers, such as BF16; "" without tensors.
    """

    parameters: int
    bytes: int
    dtype: str


def header_length(start: bytes, name: str) -> int:
    """Bytes of the header that follows the first eight.

    Raises:
        Stalled: reason SourceInvalid, where that cannot be a safetensors file.
    """
    if len(start) < LENGTH_BYTES:
        raise _invalid(name, f"it has {len(start)} bytes")
    length: int = struct.unpack("<Q", start[:LENGTH_BYTES])[0]
    if not 2 <= length <= MOST_HEADER_BYTES:
        raise _invalid(name, f"its header would have {length} bytes")
    return length


def read_header(text: bytes, name: str) -> Weights:
    """Sizes and types of the tensors of one file.

    Raises:
        Stalled: reason SourceInvalid, where the header is none.
    """
    try:
        tensors = {key: value for key, value in json.loads(text).items() if key != "__metadata__"}
        numbers: Counter[str] = Counter()
        size = 0
        for tensor in tensors.values():
            begin, end = map(_whole, tensor["data_offsets"])
            numbers[str(tensor["dtype"])[:32]] += math.prod(map(_whole, tensor["shape"]))
            size += end - begin
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _invalid(name, f"its header cannot be read ({type(error).__name__})") from error
    if size < 0 or numbers.total() > _MOST_PARAMETERS:
        raise _invalid(name, "its header has sizes that cannot be")
    return Weights(numbers.total(), size, numbers.most_common(1)[0][0] if numbers else "")


def together(parts: Iterable[Weights]) -> Weights:
    """All files of a model as one."""
    known = list(parts)
    types: Counter[str] = Counter()
    for part in known:
        types[part.dtype] += part.parameters
    dtype = types.most_common(1)[0][0] if types else ""
    return Weights(sum(part.parameters for part in known), sum(part.bytes for part in known), dtype)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("no count")
    return value


def _invalid(name: str, why: str) -> Stalled:
    return invalid(f"{name[:100]!r} is no safetensors file: {why}. Use another revision or source.")
