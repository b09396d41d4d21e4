"""A streamed answer of an OpenAI-like engine, taken apart and timed; no I/O here.

TTFT is the time from sending to the first delta that has content. TPOT is the time from the first to the last
such delta, divided by the output tokens less one; tokens are those the engine counted in `usage`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any


class BrokenStreamError(Exception):
    """The stream holds an error of the engine, or something that is no event."""


@dataclass
class Timing:
    """What was measured on one answer.

    Attributes:
        sent: When the request was sent, in seconds of the caller's clock.
        first: When the first content came; None before it.
        last: When the latest content came.
        deltas: Deltas with content.
        prompt_tokens: Tokens of the prompt, from `usage`; None where the engine gives none.
        output_tokens: Tokens of the answer, from `usage`; None where the engine gives none.
        finish_reason: Why the answer ended; empty where the engine does not say.
    """

    sent: float
    first: float | None = None
    last: float | None = None
    deltas: int = 0
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: str = ""

    @property
    def ttft(self) -> float | None:
        """Seconds to the first content."""
        return None if self.first is None else self.first - self.sent

    @property
    def tpot(self) -> float | None:
        """Seconds per output token after the first; None for fewer than two tokens."""
        tokens = self.output_tokens or self.deltas
        if self.first is None or self.last is None or tokens < 2:
            return None
        return (self.last - self.first) / (tokens - 1)


def contents(lines: Iterable[str], timing: Timing, clock: Callable[[], float]) -> Iterator[str]:
    """Give each piece of text as it comes, and fill `timing`.

    Args:
        lines: The lines of a text/event-stream.
        timing: Filled while the text comes.
        clock: Seconds, of the clock that gave `timing.sent`.

    Raises:
        BrokenStreamError: the engine reports an error, or sends what is no chunk of a completion.
    """
    for line in lines:
        field, _, value = line.partition(":")
        value = value.strip()
        if field != "data" or not value:
            continue
        if value == "[DONE]":
            return
        text = _take(_decode(value), timing)
        if text:
            timing.last = clock()
            timing.first = timing.last if timing.first is None else timing.first
            timing.deltas += 1
            yield text


def _decode(value: str) -> dict[str, Any]:
    try:
        chunk = json.loads(value)
    except ValueError as error:
        raise BrokenStreamError(f"the engine sent {value[:80]!r}, which is not JSON") from error
    if not isinstance(chunk, dict) or "error" in chunk:
        error_part = chunk.get("error") if isinstance(chunk, dict) else chunk
        message = error_part.get("message") if isinstance(error_part, dict) else error_part
        raise BrokenStreamError(f"the engine reported: {message}")
    return chunk


def _take(chunk: dict[str, Any], timing: Timing) -> str:
    usage = chunk.get("usage") or {}
    timing.prompt_tokens = usage.get("prompt_tokens", timing.prompt_tokens)
    timing.output_tokens = usage.get("completion_tokens", timing.output_tokens)
    text = ""
    for choice in chunk.get("choices") or []:
        timing.finish_reason = choice.get("finish_reason") or timing.finish_reason
        delta = choice.get("delta") or {}
        text += delta.get("content") or delta.get("reasoning_content") or choice.get("text") or ""
    return text


def milliseconds(seconds: float | None) -> str:
    """`310 ms`, `2.4 ms`, `1.2 s`; a dash where nothing was measured."""
    if seconds is None:
        return "–"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def summary(timing: Timing) -> str:
    """The line under an answer: its own TTFT, TPOT and usage."""
    if timing.output_tokens is None:
        size = f"{timing.deltas} pieces (the engine counts no tokens)"
    else:
        size = f"{timing.prompt_tokens} prompt + {timing.output_tokens} output tokens"
    ended = f" · ended: {timing.finish_reason}" if timing.finish_reason not in {"", "stop"} else ""
    return f"TTFT {milliseconds(timing.ttft)} · TPOT {milliseconds(timing.tpot)} · {size}{ended}"
