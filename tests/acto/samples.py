"""Right values made from a schema, for fields that no seed has yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.acto.cel import matches
from tests.acto.crd import Schema, children

#: Tried in this order for a string with a pattern.
_WORDS = (
    "acto", "acto2", "/acto", "/acto/acto", "example.com/acto", "ACTO", "1", "1Gi", "100m", "acto.example.com",
    "https://acto.example.com", "main", "sha256:" + "0" * 64, "0" * 40, "10s", "acto/acto", "acto.gguf", "7B", "70b",
)  # fmt: skip


class NoSample(Exception):  # noqa: N818 - says what happened
    """No right value is known for a schema: add a word here, or the field to a seed."""


def sample(schema: Schema, below: tuple[str, ...] = ()) -> Any:
    """A right value.

    Args:
        schema: What may stand there.
        below: The parts that it must have, one inside the other: names, "[]" and "{}".

    Raises:
        NoSample: no word fits a pattern.
    """
    if "properties" in schema:
        return _object(schema, below)
    if "additionalProperties" in schema:
        return {_key(schema): sample(schema["additionalProperties"], below[1:])} if below else {}
    if "items" in schema:
        wanted = schema.get("minItems", 0) or (1 if below else 0)
        return [sample(schema["items"], below[1:])] if wanted else []
    return _scalar(schema)


def grown(value: Mapping[str, Any], schema: Schema, below: tuple[str, ...]) -> dict[str, Any]:
    """A copy of an object with a part that it lacked.

    Raises:
        NoSample: no word fits a pattern.
    """
    name, rest = below[0], below[1:]
    child = schema["properties"][name]
    known = value.get(name)
    if isinstance(known, Mapping) and "properties" in child and rest:
        made: Any = grown(known, child, rest)
    elif isinstance(known, list) and known and len(rest) > 1 and isinstance(known[0], Mapping):
        made = [grown(known[0], child["items"], rest[1:]), *known[1:]]
    else:
        made = sample(child, rest)
    return {**_without_other_members(value, schema, name), **_member(schema, name), name: made}


def steps(path: str) -> tuple[str, ...]:
    """A path below spec as parts: spec.env[].name is ("env", "[]", "name")."""
    return tuple(path.replace("[]", ".[]").replace("{}", ".{}").split("."))[1:]


def _object(schema: Schema, below: tuple[str, ...]) -> dict[str, Any]:
    made = {name: sample(child) for name, _, child, required in children("", schema) if required}
    if below:
        made[below[0]] = sample(schema["properties"][below[0]], below[1:])
        made |= _member(schema, below[0])
    return made


def _members(schema: Schema) -> dict[str, str]:
    """The members of a union: name to the value of type that goes with it."""
    kinds = schema.get("properties", {}).get("type", {}).get("enum", ())
    names = {f"{kind[0].lower()}{kind[1:]}": kind for kind in kinds}
    return {name: kind for name, kind in names.items() if name in schema["properties"]}


def _member(schema: Schema, name: str) -> dict[str, str]:
    kind = _members(schema).get(name)
    return {"type": kind} if kind else {}


def _without_other_members(value: Mapping[str, Any], schema: Schema, name: str) -> dict[str, Any]:
    members = _members(schema)
    others = members.keys() - {name} if name in members else set()
    return {key: each for key, each in value.items() if key not in others}


def _key(schema: Schema) -> str:
    """A key that the rules of a map take."""
    for rule in schema.get("x-kubernetes-validations", ()):
        if "'cpu'" in rule["rule"]:
            return "cpu"
    return "example.com/acto"


def _scalar(schema: Schema) -> Any:
    if "default" in schema and schema["default"] != "":
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "integer":
        return schema.get("minimum", 1)
    if schema.get("type") == "boolean":
        return True
    for word in _WORDS:
        fits = schema.get("minLength", 0) <= len(word) <= schema.get("maxLength", len(word))
        if fits and matches(schema.get("pattern", ""), word):
            return word
    raise NoSample(f"no word of samples.py fits {schema}")
