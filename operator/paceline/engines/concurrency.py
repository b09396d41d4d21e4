"""How many requests an engine computes at a time; what comes beyond that waits within it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paceline.api.engine_spec import EngineType


@dataclass(frozen=True, slots=True)
class _Flags:
    """What an engine's arguments say of it.

    Attributes:
        names: Of the argument that says it; the last one given holds.
        copies: Of the argument that says how many copies of the model there are, each of which takes so many.
        default: Without the argument; None where it follows from the memory that is free at the start.
    """

    names: tuple[str, ...]
    default: int | None = None
    copies: tuple[str, ...] = ()


#: Too low a number makes requests wait that an engine would take, too high a one makes them wait in the engine. So vLLM
#: has the larger of its two defaults, which holds on accelerators from 70 GiB; on smaller ones it is 256.
_FLAGS: Mapping[EngineType, _Flags] = {
    "VLLM": _Flags(("--max-num-seqs",), 1024, ("--data-parallel-size", "-dp")),
    "SGLang": _Flags(("--max-running-requests",)),
    "LlamaCpp": _Flags(("--parallel", "-np"), 4),
    "Simulator": _Flags(("--max-batch-size",)),
}

#: Of a number that can be meant.
_DIGITS = 6


def concurrency(engine: EngineType, args: Sequence[str]) -> int | None:
    """Requests that one engine computes at a time.

    Args:
        engine: Its kind.
        args: All of its arguments, as status.effective shows them.

    Returns:
        None where it is not known: of an image of the user's own, or where the engine finds it out when it starts.
    """
    flags = _FLAGS.get(engine)
    if flags is None:
        return None
    each = _last(args, flags.names) or flags.default
    return each * (_last(args, flags.copies) or 1) if each else None


def _last(args: Sequence[str], names: tuple[str, ...]) -> int | None:
    """The last positive number that is given by one of these names, `--name=7` or `--name 7`, with - or _."""
    found = None
    for place, arg in enumerate(args):
        name, equals, value = arg.partition("=")
        if (name.replace("_", "-") if name.startswith("--") else name) not in names:
            continue
        text = value if equals else args[place + 1] if place + 1 < len(args) else ""
        found = int(text) if text.isdecimal() and len(text) <= _DIGITS and int(text) else found
    return found
