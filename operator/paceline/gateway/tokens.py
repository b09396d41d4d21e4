"""What a server says that an answer used, read without trust: it is any text that looked like an object."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from paceline.api.record import MOST_TOKENS, UsageSource


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one answer, each figure within what a record can have.

    Attributes:
        cached: Of the input.
        reasoning: Of the output.
        sound: Every figure is as it was said. Otherwise one was out of its range, or no number, and what is here is
            the nearest that can be.
    """

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0
    source: UsageSource = UsageSource.MISSING
    sound: bool = False


NONE = Tokens()


def tokens_of(text: str, most_output: int = MOST_TOKENS) -> Tokens:
    """Read the object `usage` of the OpenAI API.

    Args:
        text: The last one that came; "" where none did.
        most_output: Tokens that the answer can have at most.
    """
    try:
        usage = json.loads(text)
    except (ValueError, RecursionError):
        return NONE
    if not isinstance(usage, dict):
        return NONE
    said = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if said == (None, None):
        return NONE
    given, made = said[0] or 0, said[1] or 0
    parts = (
        _count(_part(usage, "prompt_tokens_details", "cached_tokens")) or 0,
        _count(_part(usage, "completion_tokens_details", "reasoning_tokens")) or 0,
    )
    read = (given, parts[0], made, parts[1])
    whole = min(given, MOST_TOKENS), min(made, most_output)
    kept = (whole[0], min(parts[0], whole[0]), whole[1], min(parts[1], whole[1]))
    return Tokens(*kept, UsageSource.REPORTED, sound=read == kept and _sound(usage))


def _part(usage: dict[str, Any], details: str, name: str) -> Any:
    found = usage.get(details)
    return found.get(name) if isinstance(found, dict) else None


def _count(value: Any) -> int | None:
    """A number of tokens; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < float("inf") and value == int(value) else None


def _sound(usage: dict[str, Any]) -> bool:
    """No figure that is there was passed over."""
    figures = (
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        _part(usage, "prompt_tokens_details", "cached_tokens"),
        _part(usage, "completion_tokens_details", "reasoning_tokens"),
    )
    return all(each is None or _count(each) is not None for each in figures)
