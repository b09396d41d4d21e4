"""The chat template of a model: where it is kept, and how it differs from the one that is expected."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

#: Files that hold a template, the first one that does wins (the order of transformers).
FILES = ("chat_template.jinja", "chat_template.json", "tokenizer_config.json")
MOST_DIFFERENCE = 300
_MOST_SHOWN = 100


def from_json(found: Mapping[str, Any]) -> str | None:
    """The template in chat_template.json or tokenizer_config.json; of several named ones, the default."""
    value = found.get("chat_template")
    if isinstance(value, list):
        named = {each.get("name"): each.get("template") for each in value if isinstance(each, Mapping)}
        value = named.get("default")
    return value if isinstance(value, str) and value else None


def difference(expected: str, found: str | None) -> str | None:
    """The first line in which two templates differ, in at most 300 characters; None when they are the same.

    Line ends at the very end do not count: jinja drops one, and a ConfigMap written as a YAML block adds one.
    """
    if found is None:
        return "the model has no chat template"
    pairs = zip_longest(expected.rstrip("\n").split("\n"), found.rstrip("\n").split("\n"))
    for number, (wanted, there) in enumerate(pairs, 1):
        if wanted != there:
            text = f"line {number}: {_shown(wanted, there)} is expected, the model has {_shown(there, wanted)}"
            return text[:MOST_DIFFERENCE]
    return None


def _shown(line: str | None, other: str | None) -> str:
    """The part of a line where it begins to differ from the other."""
    if line is None:
        return "no such line"
    same = 0
    for left, right in zip(line, other or "", strict=False):
        if left != right:
            break
        same += 1
    start = max(0, same - 20) if len(line) > _MOST_SHOWN else 0
    part = line[start : start + _MOST_SHOWN]
    return f"{'…' if start else ''}{ascii(part)[:_MOST_SHOWN]}{'…' if start + _MOST_SHOWN < len(line) else ''}"
