"""Faults on request: what goes wrong, and when. Fixed at start, so that a client cannot break a server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

#: Exit code of the crashes below: what a segmentation fault in a container shows.
CRASH_EXIT_CODE = 139


class BadFaultError(ValueError):
    """A fault specification cannot be read; the message says which and what would be right."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Scripted faults; the field names with dashes are the names in ``--fault NAME[=VALUE]``.

    Attributes:
        crash_after: Exit with 139 at the first first token once this many requests have come.
        crash_at_start: Exit with this code (1 to 255) when the load time is over.
        hang_after: After this many requests no step ends any more; /health still says 200, as with a hung GPU.
        slow_start: Seconds added to the load time.
        never_ready: The load never ends.
        refuse_ready: /health says 503 for ever, although requests are answered.
        error_rate: Share of requests (0 to 1) that get 500, drawn with the server's seed.
        poison: A prompt that contains this text makes the process exit with 139.
        wrong_model: The server knows only this model name; the served one gets 404.
        slow: Factor on every step's duration.
        cut_stream: Share of streams (0 to 1) whose connection is cut after the third token.
    """

    crash_after: int = 0
    crash_at_start: int = 0
    hang_after: int = 0
    slow_start: float = 0.0
    never_ready: bool = False
    refuse_ready: bool = False
    error_rate: float = 0.0
    poison: str = ""
    wrong_model: str = ""
    slow: float = 1.0
    cut_stream: float = 0.0

    def __post_init__(self) -> None:
        limits = {
            "crash_after": (0, 10**9),
            "crash_at_start": (0, 255),
            "hang_after": (0, 10**9),
            "slow_start": (0, 10**6),
            "error_rate": (0, 1),
            "slow": (0.001, 1000),
            "cut_stream": (0, 1),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise BadFaultError(f"fault {name.replace('_', '-')}={value}: give a value from {low} to {high}")


def parse(specs: Iterable[str]) -> Faults:
    """Return the faults that ``NAME`` or ``NAME=VALUE`` texts ask for.

    Raises:
        BadFaultError: A name is unknown or a value does not fit.
    """
    kinds: dict[str, Any] = {spec.name.replace("_", "-"): type(spec.default) for spec in fields(Faults)}
    wanted: dict[str, Any] = {}
    for spec in specs:
        name, separator, text = spec.partition("=")
        if name not in kinds:
            raise BadFaultError(f"fault {spec!r}: no fault is named {name!r}; there are {', '.join(sorted(kinds))}")
        kind = kinds[name]
        if bool(separator) is (kind is bool) or (kind is not bool and not text):
            form = name if kind is bool else f"{name}=VALUE"
            raise BadFaultError(f"fault {spec!r}: write it as {form}")
        try:
            wanted[name.replace("-", "_")] = True if kind is bool else kind(text)
        except ValueError:
            raise BadFaultError(f"fault {spec!r}: {text!r} is not a number") from None
    return Faults(**wanted)
