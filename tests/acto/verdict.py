"""What the API server must find wrong with a spec, from the schema and its rules alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.acto import cel
from tests.acto.crd import Schema
from tests.acto.places import Place

_KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "number": (int, float),
}

#: RFC 3339.
_TIME = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d(\.\d+)?(Z|[+-][0-2]\d:[0-5]\d)")


@dataclass(frozen=True)
class Violation:
    """Something wrong at admission.

    Attributes:
        place: Where, as the answer must name it.
        kind: type, enum, required, range, length, pattern, format, items, unknown, duplicate or rule.
        words: What a rule says, "" for what Kubernetes says in words of its own.
    """

    place: Place
    kind: str
    words: str = ""


def violations(spec: Any, schema: Schema) -> tuple[Violation, ...]:
    """Everything that is wrong with a spec. Rules count only where all types are right, as with the API server."""
    found = tuple(_shape(("spec",), spec, schema))
    return found or tuple(_rules(("spec",), defaulted(spec, schema), schema))


def defaulted(value: Any, schema: Schema) -> Any:
    """The value as it is stored: defaults are filled in, also in place of null."""
    if isinstance(value, Mapping) and "properties" in schema:
        filled = {key: each for key, each in value.items() if each is not None}
        for name, child in schema["properties"].items():
            if "default" in child:
                filled.setdefault(name, child["default"])
        known = schema["properties"]
        return {key: defaulted(each, known.get(key, {})) for key, each in filled.items()}
    if isinstance(value, Mapping) and "additionalProperties" in schema:
        return {key: defaulted(each, schema["additionalProperties"]) for key, each in value.items()}
    if isinstance(value, list) and "items" in schema:
        return [defaulted(each, schema["items"]) for each in value]
    return value


def _shape(place: Place, value: Any, schema: Schema) -> Iterator[Violation]:
    if not _fits(value, schema):
        yield Violation(place, "type")
    elif isinstance(value, Mapping):
        yield from _object(place, value, schema)
    elif isinstance(value, list):
        yield from _list(place, value, schema)
    else:
        yield from _scalar(place, value, schema)


def _fits(value: Any, schema: Schema) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, int | str) and not isinstance(value, bool)
    right = isinstance(value, _KINDS[schema["type"]])
    return right and (schema["type"] == "boolean" or not isinstance(value, bool))


def _object(place: Place, value: Mapping[str, Any], schema: Schema) -> Iterator[Violation]:
    if "additionalProperties" in schema:
        if len(value) > schema.get("maxProperties", len(value)):
            yield Violation(place, "items")
        for key, each in value.items():
            yield from _shape((*place, key), each, schema["additionalProperties"])
        return
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if value.get(name) is None:
            yield Violation((*place, name), "required")
    for name, each in value.items():
        if name not in known:
            yield Violation((*place, name), "unknown")
        elif each is not None or "default" not in known[name]:
            yield from _shape((*place, name), each, known[name])


def _list(place: Place, value: list[Any], schema: Schema) -> Iterator[Violation]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield Violation(place, "items")
    for index, each in enumerate(value):
        yield from _shape((*place, index), each, schema["items"])
    keys = schema.get("x-kubernetes-list-map-keys", ())
    if schema.get("x-kubernetes-list-type") in ("map", "set"):
        seen = []
        for each in value:
            identity = [each.get(key) for key in keys] if keys and isinstance(each, Mapping) else each
            if identity in seen:
                yield Violation(place, "duplicate")
            seen.append(identity)


def _scalar(place: Place, value: Any, schema: Schema) -> Iterator[Violation]:
    if "enum" in schema and value not in schema["enum"]:
        yield Violation(place, "enum")
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield Violation(place, "length")
        if "pattern" in schema and not cel.matches(schema["pattern"], value):
            yield Violation(place, "pattern")
        if schema.get("format") == "date-time" and not _TIME.fullmatch(value):
            yield Violation(place, "format")
    elif not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield Violation(place, "range")


def _rules(place: Place, value: Any, schema: Schema) -> Iterator[Violation]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if not _holds(rule["rule"], value):
            where = rule.get("fieldPath", "").strip(".")
            yield Violation((*place, *where.split(".")) if where else place, "rule", _words(rule, value))
    if isinstance(value, Mapping):
        known = schema.get("properties", {})
        for key, each in value.items():
            yield from _rules((*place, key), each, known.get(key) or schema.get("additionalProperties") or {})
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _rules((*place, index), each, schema.get("items", {}))


def _holds(rule: str, value: Any) -> bool:
    try:
        return bool(cel.evaluate(rule, value))
    except cel.Failed:
        return False


def _words(rule: Mapping[str, str], value: Any) -> str:
    if "messageExpression" not in rule:
        return rule.get("message", "")
    return str(cel.evaluate(rule["messageExpression"], value))
