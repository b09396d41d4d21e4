"""Changes of one value: the edges of what its schema allows, and what lies just beyond."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.acto.crd import Schema
from tests.acto.places import ABSENT

Change = tuple[str, Any]

#: Lengths at which Kubernetes' own limits lie, and one that fills an object.
LENGTHS = (63, 64, 253, 254, 32768)
UNICODE = "ünïcödé-模型-🙂"
#: What templates, shells and YAML readers might take for something else.
HOSTILE = {
    "shell": "$(reboot)",
    "template": "{{ .Values.secret }}",
    "yaml": "yes: [no]",
    "newline": "line\nbreak",
    "bidirectional": "safe\u202etxt",
    "nul": "a\x00b",
}
QUANTITIES = {
    "huge": "1e309",
    "larger than int64": "9e18",
    "negative": "-1",
    "too fine": "0.1m",
    "unit twice": "1Ki5",
    "decimal unit": "8GB",
    "space": "1 ",
    "upper-case exponent": "1E3",
    "sign": "+1",
    "fraction": "1.5",
    "zero": "0",
    "not canonical": "1000m",
    "digits of another script": "\uff11",
    "not a number": "NaN",
}


def changes(value: Any, schema: Schema) -> Iterator[Change]:
    """Changes of a value that has nothing below it, each with a name."""
    yield "removed", ABSENT
    yield "null", None
    if schema.get("x-kubernetes-int-or-string"):
        yield from _quantity(value)
    elif "enum" in schema:
        yield from _enum(schema)
    elif schema.get("type") == "integer":
        yield from _integer(value, schema)
    elif schema.get("type") == "boolean":
        yield "toggled", not value
        yield "text", str(value).lower()
    else:
        yield from _text(str(value), schema)


def _enum(schema: Schema) -> Iterator[Change]:
    for each in schema["enum"]:
        yield f"is {each}", each
    yield "bogus", "Bogus"
    yield "lower case", schema["enum"][0].lower()
    yield "empty", ""
    yield "number", 1


def _integer(value: int, schema: Schema) -> Iterator[Change]:
    least, most = schema.get("minimum"), schema.get("maximum")
    yield "one more", value + 1
    yield "one less", value - 1
    if least is not None:
        yield "minimum", least
        yield "below minimum", least - 1
    if most is not None:
        yield "maximum", most
        yield "above maximum", most + 1
    yield "larger than int32", 2**31
    yield "larger than int64", 2**63
    yield "fraction", value + 0.5
    yield "text", str(value)
    yield "true", True


def _quantity(value: Any) -> Iterator[Change]:
    yield "integer", 1
    yield "text", "1"
    yield "integer zero", 0
    yield "negative integer", -1
    yield "empty", ""
    yield "list", [value]
    yield from QUANTITIES.items()


def _text(value: str, schema: Schema) -> Iterator[Change]:
    yield "empty", ""
    yield "another", f"{value}x"
    yield "number", 1
    yield "list", [value]
    yield "object", {"a": value}
    yield "space", " "
    yield "newline at the end", f"{value}\n"
    yield "unicode", UNICODE
    most = schema.get("maxLength")
    lengths = {f"{length} characters": length for length in LENGTHS}
    if most is not None:
        lengths |= {"longest": most, "too long": most + 1}
    for name, length in lengths.items():
        yield name, padded(value, length)
    yield from HOSTILE.items()


def padded(value: str, length: int) -> str:
    """A value of that length that begins as this one does, so that it still fits most patterns."""
    return (value + "a" * length)[:length] if len(value) < length else "a" * length
