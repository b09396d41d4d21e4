"""Changes of lists, maps and objects as a whole: push, pop, duplicate, empty, too many, of the wrong kind."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from tests.acto.crd import Schema
from tests.acto.places import ABSENT
from tests.acto.values import UNICODE, Change

#: Keys of maps at and beyond Kubernetes' limits: 63 characters for a name, 253 for a domain.
KEYS = {
    "key of 63": "example.com/" + "k" * 63,
    "key of 64": "example.com/" + "k" * 64,
    "domain of 253": "d" * 63 + "." + "d" * 63 + "." + "d" * 63 + "." + "d" * 57 + ".com/k",
    "domain of 254": "d" * 63 + "." + "d" * 63 + "." + "d" * 63 + "." + "d" * 58 + ".com/k",
    "key of 318": "d" * 250 + ".com/" + "k" * 63,
    # From 1024 on, the API server's reader of YAML takes it for no key.
    "key of 1000": "k" * 1000,
    "unicode key": UNICODE,
    "empty key": "",
    "key with a space": "example.com/a b",
    "key of two slashes": "example.com/a/b",
    "key that ends with a newline": "example.com/a\n",
}


def changes(value: Any, schema: Schema) -> Iterator[Change]:
    """Changes of a value that holds others, each with a name."""
    yield "removed", ABSENT
    yield "null", None
    yield "text", "x"
    yield "number", 1
    if "items" in schema:
        yield "object", {}
        yield from _list(list(value), schema)
    elif "additionalProperties" in schema:
        yield "list", []
        yield from _map(dict(value), schema)
    else:
        yield "list", []
        yield "empty", {}
        yield "unknown field", {**value, "bogus": "x"}


def _list(value: list[Any], schema: Schema) -> Iterator[Change]:
    yield "empty", []
    yield "null item", [*value, None]
    yield "item of another kind", [*value, [1]]
    if not value:
        return
    yield "popped", value[:-1]
    yield "first popped", value[1:]
    yield "turned round", value[::-1]
    yield "duplicated", [*value, copy.deepcopy(value[0])]
    yield "pushed", [*value, another(value[0], 1, schema["items"])]
    most = schema.get("maxItems")
    if most:
        more = [another(value[0], number, schema["items"]) for number in range(1, most + 2)]
        yield "most items", [*value, *more][:most]
        yield "too many items", [*value, *more][: most + 1]


def _map(value: dict[str, Any], schema: Schema) -> Iterator[Change]:
    yield "empty", {}
    some = next(iter(value.values()), "x")
    first = next(iter(value), "example.com/a")
    yield "entry taken out", {key: each for key, each in value.items() if key != first}
    yield "entry added", {**value, _key(first, 1): some}
    yield "null value", {**value, first: None}
    yield "value of another kind", {**value, first: {"a": 1}}
    for name, key in KEYS.items():
        yield name, {**value, key: some}
    most = schema.get("maxProperties")
    if most:
        more = {_key(first, number): some for number in range(most + 1)}
        yield "most entries", dict([*value.items(), *more.items()][:most])
        yield "too many entries", dict([*value.items(), *more.items()][: most + 1])


def _key(first: str, number: int) -> str:
    """Another key of the same domain."""
    domain, slash, name = first.rpartition("/")
    return f"{domain}{slash}{name}{number}"


def another(item: Any, number: int, schema: Schema) -> Any:
    """An item like this one that is another."""
    if isinstance(item, Mapping):
        keys = ("name", "key", "weight", *item)
        key = next((each for each in keys if each in item and _countable(schema["properties"].get(each, {}))), None)
        if key is None:
            return copy.deepcopy(dict(item))
        return {**copy.deepcopy(dict(item)), key: another(item[key], number, schema["properties"][key])}
    if isinstance(item, str):
        return f"{item}{number}"
    return item % 100 + number % 2 if isinstance(item, int) else copy.deepcopy(item)


def _countable(schema: Schema) -> bool:
    return schema.get("type") in ("string", "integer") and "enum" not in schema
