"""Concrete places in an object: tuples such as ("spec", "template", "env", 0, "name")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Place = tuple[str | int, ...]


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


#: In place of a value: there is none.
ABSENT = _Absent()


def get(obj: Any, place: Place) -> Any:
    """What stands there; ABSENT for nothing."""
    for step in place:
        known = range(len(obj)) if isinstance(obj, list) else obj
        if not isinstance(obj, Mapping | list) or step not in known:
            return ABSENT
        obj = obj[step]
    return obj


def put(obj: Any, place: Place, value: Any) -> Any:
    """The object with that value there, sharing all other parts; its parents must be there. ABSENT removes."""
    step, rest = place[0], place[1:]
    changed: Any = list(obj) if isinstance(obj, list) else dict(obj)
    if rest:
        changed[step] = put(obj[step], rest, value)
    elif value is not ABSENT:
        changed[step] = value
    elif isinstance(obj, list) or step in obj:
        del changed[step]
    return changed


def shown(place: Place) -> str:
    """As the API server writes it: spec.template.env[0].name."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def plain(text: str) -> str:
    """A path or a message without the several ways to write brackets and quotes around keys."""
    return re.sub(r"\.+", ".", re.sub(r"[\[\]\"'\\]", ".", text))


def named(place: Place, text: str) -> bool:
    """Whether a message names this place. A list by key is named by the key or by the index."""
    words = plain(re.sub(r": element (\d+):", r"[\1]:", text))
    if plain(shown(place)).strip(".") in words:
        return True
    if f'"{place[-1]}"' in text and named(place[:-1], text):
        return True
    # A keyed list is shown as env[name="A"].value, so the parts around its index must follow each other.
    parts = re.split(r"\[\d+\]", shown(place))
    return len(parts) > 1 and bool(re.search(r"\.[^ ]*?".join(re.escape(plain(part)) for part in parts), words))
