"""The little of Protocol Buffers that addresses need: fields by their number, as bytes or as numbers."""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
#: Of a number of 64 bits, seven in each byte.
_MOST_BYTES = 10


def number(field: int, value: int) -> bytes:
    """A field with a number that is not negative."""
    return _varint(field << 3 | _VARINT) + _varint(value)


def text(field: int, value: str) -> bytes:
    """A field with a text."""
    return message(field, value.encode())


def message(field: int, *parts: bytes) -> bytes:
    """A field with a message, of which these are the fields."""
    body = b"".join(parts)
    return _varint(field << 3 | _BYTES) + _varint(len(body)) + body


def fields(body: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Fields of a message in order: texts and messages as bytes, all others as numbers.

    Raises:
        ValueError: it is none.
    """
    at = 0
    while at < len(body):
        tag, at = _read(body, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _read(body, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, at = _read(body, at)
        elif kind in {_FIXED64, _FIXED32}:
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a field of kind {kind} is unknown")
        if at + size > len(body):
            raise ValueError("a field is longer than the message that it is in")
        part = body[at : at + size]
        yield tag >> 3, part if kind == _BYTES else int.from_bytes(part, "little")
        at += size


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _read(body: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_MOST_BYTES):
        if at + place >= len(body):
            raise ValueError("a message ends within a number")
        byte = body[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("a number is too long")
