"""A slice of a request trace as a schedule: when to send what."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Planned:
    """One request of a schedule.

    Attributes:
        id: Unique in the schedule, sent as x-request-id.
        at: Seconds after the start of the slice at which it is due.
        input_tokens: Wanted length of the prompt.
        output_tokens: Length of the answer.
    """

    id: str
    at: float
    input_tokens: int
    output_tokens: int


def azure(path: Path, start: float, duration: float, *, keep: int = 1, prefix: str = "r") -> list[Planned]:
    """The requests of an Azure LLM trace between `start` and `start + duration` seconds after its first row.

    `keep` thins the slice: only each keep-th request stays, at its own time (time is never stretched).
    """
    planned: list[Planned] = []
    first: dt.datetime | None = None
    with gzip.open(path, "rt") as rows:
        for count, row in enumerate(csv.DictReader(rows)):
            # Seven fractional digits are one more than fromisoformat takes.
            when = dt.datetime.fromisoformat(row["TIMESTAMP"][:26])
            first = first or when
            at = (when - first).total_seconds() - start
            if at >= duration:
                break
            if at >= 0 and count % keep == 0:
                tokens = int(row["ContextTokens"]), max(1, int(row["GeneratedTokens"]))
                planned.append(Planned(f"{prefix}{count}", at, *tokens))
    return planned


def body(request: Planned, model: str) -> dict[str, object]:
    """The chat completion that asks for exactly the planned number of tokens."""
    prompt = f"{request.id} " + "word " * max(1, request.input_tokens - 8)
    return {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": request.output_tokens,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
