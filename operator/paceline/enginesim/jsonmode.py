"""JSON answers: any object, or an instance of a schema."""

from __future__ import annotations

import json
import math
import re
from random import Random
from typing import Any

import jsonschema
from referencing import Registry
from referencing.exceptions import Unresolvable

from paceline.enginesim.errors import ApiError
from paceline.enginesim.requests import ResponseFormat

_WORDS = ("station", "harbour", "river", "library", "clock", "bread", "gate", "model", "batch", "token")
_FORMATS = {
    "date": "2026-03-01",
    "date-time": "2026-03-01T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "6f1c2a3e-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
}
_DEEP = 6  # below this only what the schema demands is written, so that recursive schemas end
_HOPELESS = 40
_ROOM = 40_000  # characters of an answer
_VALUE = 40  # characters that each value counts as, at least
_LONGEST_REASON = 200
#: A reference was followed to something that is no schema, or to a part of the document that nobody checked.
_NO_SCHEMA = (LookupError, TypeError, AttributeError, jsonschema.exceptions.UnknownType, re.error)
#: What schemas lead to that cannot be met: numbers out of range, too many levels, references to nowhere.
_FAILURES = (jsonschema.ValidationError, ValueError, ArithmeticError, RecursionError, Unresolvable)


class NoInstanceError(ValueError):
    """No value for this schema can be made here."""


def script(wanted: ResponseFormat | None, rng: Random) -> str | None:
    """Return the JSON text to answer with; None where no JSON is asked for.

    Raises:
        ApiError: The schema is wrong or uses what is not supported.
    """
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object" or wanted.json_schema is None:
        return json.dumps({"answer": rng.choice(_WORDS), "count": rng.randint(1, 100), "certain": rng.random() < 0.5})
    return instance(wanted.json_schema.json_schema, rng, "response_format.json_schema.schema")


def instance(schema: dict[str, Any] | bool, rng: Random, field: str) -> str:
    """Return a JSON text that is valid under a schema.

    Raises:
        ApiError: The schema is wrong or uses what is not supported; ``field`` names where it stands.
    """
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        value = Maker(schema, rng).make(schema, 0)
        # An empty registry fetches nothing: a $ref may be any URL.
        jsonschema.Draft202012Validator(schema, registry=Registry()).validate(value)
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except jsonschema.SchemaError as error:
        raise ApiError(400, f"{field} is not a JSON schema: {_why(error)}", param=field) from None
    except (*_FAILURES, *_NO_SCHEMA) as error:
        text = _why(error)
        raise ApiError(
            400, f"{field} asks for more than this engine can make ({text}): simplify it", param=field
        ) from None


def _why(error: Exception) -> str:
    if isinstance(error, _NO_SCHEMA):
        return "a $ref points to no schema"
    text = str(error.message if isinstance(error, jsonschema.ValidationError | jsonschema.SchemaError) else error)
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}..."


class Maker:
    """Makes values of one root schema."""

    def __init__(self, root: dict[str, Any] | bool, rng: Random) -> None:
        self._root = root
        self._rng = rng
        self._room = _ROOM

    def make(self, schema: dict[str, Any] | bool, depth: int) -> Any:
        """Return a value for a schema at a depth.

        Raises:
            NoInstanceError: The schema needs itself, allows nothing, points nowhere, or wants too much.
        """
        self._spend(_VALUE)
        if depth > _HOPELESS:
            raise NoInstanceError("the schema needs itself without end")
        if isinstance(schema, bool):
            if not schema:
                raise NoInstanceError("a schema is false")
            return self._rng.choice(_WORDS)
        if "$ref" in schema:
            return self.make(self._resolve(str(schema["$ref"])), depth + 1)
        if "const" in schema or "enum" in schema:
            return self._one_of(schema.get("enum", [schema.get("const")]))
        for key in ("anyOf", "oneOf"):
            if key in schema:
                rest = {name: value for name, value in schema.items() if name != key}
                options = schema[key]
                option = options[0] if depth < _DEEP else _simplest(options)
                return self.make(_merge(rest, self._flat(option)), depth + 1)
        if "allOf" in schema:
            merged = {name: value for name, value in schema.items() if name != "allOf"}
            for part in schema["allOf"]:
                merged = _merge(merged, self._flat(part))
            return self.make(merged, depth + 1)
        return self._typed(schema, depth)

    def _one_of(self, values: list[Any]) -> Any:
        if not values:
            raise NoInstanceError("an enum is empty")
        value = self._rng.choice(values)
        self._spend(len(json.dumps(value)))
        return value

    def _spend(self, characters: int) -> None:
        self._room -= characters
        if self._room < 0:
            raise NoInstanceError(f"the answer would be longer than {_ROOM} characters")

    def _typed(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema or "required" in schema else "string")
        if isinstance(kind, list):
            kind = "null" if depth >= _DEEP and "null" in kind else kind[0]
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind in {"integer", "number"}:
            return self._number(schema, whole=kind == "integer")
        if kind == "boolean":
            return self._rng.random() < 0.5
        return None if kind == "null" else self._string(schema)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        wanted = [name for name in properties if depth < _DEEP or name in required]
        wanted += [name for name in required if name not in properties]
        extra = schema.get("additionalProperties", True)
        made = {name: self.make(properties.get(name, extra), depth + 1) for name in wanted}
        for number in range(_count(schema, "minProperties", 0) - len(made)):
            made[f"field{number}"] = self.make(extra, depth + 1)
        self._spend(sum(map(len, made)))
        return made

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        first = schema.get("prefixItems", [])
        least = _count(schema, "minItems", 0)
        most = _count(schema, "maxItems", max(least, len(first), 2))
        count = max(least, len(first), 0 if depth >= _DEEP else min(most, 2))
        made: list[Any] = []
        for index in range(min(count, most)):
            item = self.make(first[index] if index < len(first) else schema.get("items", True), depth + 1)
            for _ in range(50):
                if not schema.get("uniqueItems") or item not in made:
                    break
                item = self.make(first[index] if index < len(first) else schema.get("items", True), depth + 1)
            made.append(item)
        return made

    def _number(self, schema: dict[str, Any], *, whole: bool) -> float:
        low, high = schema.get("minimum"), schema.get("maximum")
        above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        step = schema.get("multipleOf", 1 if whole else None)
        if low is None and above is not None:
            low = above + (step or 0.5)
        if high is None and below is not None:
            high = below - (step or 0.5)
        low = (high - 100 if high is not None else 0) if low is None else low
        high = low + 100 if high is None else high
        if step is None:
            return round(self._rng.uniform(low, high), 3) if high - low > 0.01 else (low + high) / 2
        first, last = math.ceil(low / step), math.floor(high / step)
        if first > last:
            raise NoInstanceError(f"no multiple of {step} between {low} and {high}")
        value = self._rng.randint(first, last) * step
        return int(value) if whole else value

    def _string(self, schema: dict[str, Any]) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        text = " ".join(self._rng.choices(_WORDS, k=3))
        least = _count(schema, "minLength", 0)
        most = _count(schema, "maxLength", max(least, len(text)))
        self._spend(least)
        return text.ljust(least, "a")[:most]

    def _resolve(self, reference: str) -> dict[str, Any] | bool:
        node: Any = self._root
        if not reference.startswith("#"):
            raise NoInstanceError(f"$ref {reference!r} points outside of the schema")
        for part in reference.lstrip("#").strip("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if part and (not isinstance(node, dict) or key not in node):
                raise NoInstanceError(f"$ref {reference!r} points nowhere")
            node = node[key] if part else node
        if not isinstance(node, dict | bool):
            raise NoInstanceError(f"$ref {reference!r} points to no schema")
        return node

    def _flat(self, schema: dict[str, Any] | bool) -> dict[str, Any] | bool:
        if isinstance(schema, dict) and "$ref" in schema:
            return self._resolve(str(schema["$ref"]))
        return schema


def _count(schema: dict[str, Any], key: str, default: int) -> int:
    """Return a number of things; JSON schema allows 2.0 for 2."""
    return int(schema.get(key, default))


def _simplest(options: list[Any]) -> Any:
    """Return the option that most surely ends a recursion."""
    return min(options, key=lambda option: len(json.dumps(option)) if isinstance(option, dict) else 0)


def _merge(one: dict[str, Any], other: dict[str, Any] | bool) -> dict[str, Any]:
    if isinstance(other, bool):
        if not other:
            raise NoInstanceError("a schema is false")
        return one
    merged = {**one, **other}
    for key, join in (("properties", dict), ("required", list)):
        if key in one and key in other:
            both = {**one[key], **other[key]} if join is dict else list(dict.fromkeys([*one[key], *other[key]]))
            merged[key] = both
    return merged
