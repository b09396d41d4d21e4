"""What differs between two documents, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MISSING = object()
#: Differences that are spelled out, and characters of each value.
_MOST = 4
_WIDTH = 60


def difference(before: object, after: object) -> str:
    """The leaves that differ, as "path: old → new", the first few of them; "" where there is none.

    Items of lists are matched by their name where all have one, else by their place.
    """
    found = [f"{path}: {_show(old)} → {_show(new)}" for path, old, new in _leaves("", before, after)]
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return "; ".join(found[:_MOST]) + more


def _leaves(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if before == after:
        return
    pairs = _pairs(before, after)
    if pairs is None:
        yield path, before, after
        return
    for key, (old, new) in pairs.items():
        yield from _leaves(f"{path}.{key}".lstrip(".") if not key.startswith("[") else f"{path}{key}", old, new)


def _pairs(before: Any, after: Any) -> dict[str, tuple[Any, Any]] | None:
    """Children of both by key; None where they are not of one kind, and so leaves."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        old, new = dict(before), dict(after)
    elif _is_list(before) and _is_list(after):
        old, new = _by_name(before), _by_name(after)
    else:
        return None
    keys = [*old, *(key for key in new if key not in old)]
    return {key: (old.get(key, _MISSING), new.get(key, _MISSING)) for key in keys}


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _by_name(items: Sequence[Any]) -> dict[str, Any]:
    names = [item.get("name") if isinstance(item, Mapping) else None for item in items]
    if None in names or len(set(names)) < len(names):
        names = list(range(len(items)))
    return {f"[{name}]": item for name, item in zip(names, items, strict=True)}


def _show(value: object) -> str:
    if value is _MISSING:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
