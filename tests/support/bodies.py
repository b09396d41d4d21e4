"""What a body of a request means, by CPython's json: the oracle of the gateway's scanner."""

from __future__ import annotations

import json
import re
from typing import Any

COUNTS = {"max_tokens": (0, 2147483647), "max_completion_tokens": (0, 2147483647), "n": (1, 128), "best_of": (1, 128)}
GUARDED = {"model", "stream", "stream_options", "messages", "prompt", "input", *COUNTS}
OPTIONS = {"include_usage", "continuous_usage_stats"}
MAX_DEPTH = 128
_UPPER = {ord(c): ord(c) + 32 for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"} | {0x17F: "s", 0x212A: "k"}


class Refused(Exception):  # noqa: N818 - an answer, not an accident
    """The gateway must refuse this; the message is the code."""


class Pairs(list[tuple[str, Any]]):
    """An object with its names as they came, duplicates included."""

    def last(self) -> dict[str, Any]:
        return dict(self)


def parse(body: bytes) -> Pairs:
    """The object in a body.

    Raises:
        Refused: it is not one.
    """
    try:
        text = body.decode("utf-8")
        found = json.loads(
            text, object_pairs_hook=Pairs, parse_constant=_constant, parse_int=Number, parse_float=Number
        )
    except UnicodeDecodeError:
        raise Refused("invalid_utf8") from None
    except (ValueError, RecursionError):
        raise Refused("invalid_json") from None
    if not isinstance(found, Pairs):
        raise Refused("invalid_json")
    if depth(found) > MAX_DEPTH:
        raise Refused("too_deep")
    return found


class Number(str):
    """A number as it was written."""

    __slots__ = ()


def _constant(name: str) -> None:
    raise ValueError(name)


def depth(value: Any) -> int:
    deepest, todo = 0, [(value, 0)]
    while todo:
        each, level = todo.pop()
        if isinstance(each, list):
            deepest = max(deepest, level + 1)
            todo += [(one[1] if isinstance(each, Pairs) else one, level + 1) for one in each]
    return deepest


def once(pairs: Pairs, names: set[str]) -> dict[str, Any]:
    """The members of these names.

    Raises:
        Refused: one is there twice, or in another spelling.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        meant = name.translate(_UPPER)
        if meant == "n_predict":
            raise Refused("unsupported_parameter")
        if meant not in names:
            continue
        if meant != name:
            raise Refused("ambiguous_parameter")
        if name in found:
            raise Refused("duplicate_parameter")
        found[name] = value
    return found


def meaning(body: bytes, prompt: str = "messages") -> dict[str, Any]:
    """The fields that the scanner reads.

    Raises:
        Refused: the gateway must refuse the body.
    """
    members = once(parse(body), GUARDED)
    options = members.get("stream_options")
    option_members = once(options, OPTIONS) if isinstance(options, Pairs) else {}
    model = members.get("model")
    if model is None:
        raise Refused("missing_parameter")
    if type(model) is not str:
        raise Refused("invalid_type")
    for value in (members.get("stream"), *option_members.values()):
        if value is not None and not isinstance(value, bool):
            raise Refused("invalid_type")
    if not isinstance(options, Pairs | None):
        raise Refused("invalid_type")
    counts = {name: _count(members.get(name), *COUNTS[name]) for name in COUNTS}
    if prompt not in members:
        raise Refused("missing_parameter")
    allowed = (list,) if prompt == "messages" else (list, str)
    if not isinstance(members[prompt], allowed) or isinstance(members[prompt], Pairs | Number):
        raise Refused("invalid_type")
    bounds = [counts[name] for name in ("max_tokens", "max_completion_tokens") if counts[name] is not None]
    return {
        "model": model if re.fullmatch(r"[!#-\[\]-~]{1,256}", model) else "?",
        "stream": members.get("stream") is True,
        "bound": max(bounds) if bounds else None,
        "n": max(counts["n"] or 1, counts["best_of"] or 1),
        "prompts": 1 if prompt == "messages" else prompts(members[prompt]),
        "values": members | option_members,
    }


def prompts(value: Any) -> int:
    """How many prompts there are in the one member: tokens that stand beside texts are one prompt together."""
    if not isinstance(value, list):
        return 1
    apart = sum(not isinstance(each, Number) for each in value)
    return max(1, apart + (apart < len(value)))


def _count(value: Any, least: int, most: int) -> int | None:
    if value is None:
        return None
    if not isinstance(value, Number):
        raise Refused("invalid_type")
    if not value.isdigit() or not least <= int(value) <= most:
        raise Refused("invalid_value")
    return int(value)
