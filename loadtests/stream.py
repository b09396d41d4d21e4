"""One streamed answer as its client sees it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass
class Seen:
    """What a client saw of one request; times in seconds on the client's monotonic clock.

    Attributes:
        intended: When the schedule wanted it sent; TTFT counts from here.
        sent: When it was really sent.
        first: When the first content-bearing event arrived; None without one.
        last: When the last content-bearing event arrived.
        output_tokens: Of the usage block at the stream's end.
        done: The stream ended with [DONE].
        status: HTTP status, 0 when there was none.
        error: What went wrong, empty when nothing did.
    """

    id: str
    intended: float
    sent: float = 0.0
    first: float | None = None
    last: float | None = None
    output_tokens: int = 0
    done: bool = False
    status: int = 0
    error: str = ""

    def line(self, line: bytes, now: float) -> None:
        """Take one line of the event stream, read at `now`."""
        if not line.startswith(b"data:"):
            return
        data = line[5:].strip()
        if data == b"[DONE]":
            self.done = True
            return
        event = json.loads(data)
        if event.get("usage"):
            self.output_tokens = event["usage"]["completion_tokens"]
        for choice in event.get("choices", ()):
            if choice.get("delta", {}).get("content") or choice.get("text"):
                self.first = now if self.first is None else self.first
                self.last = now

    @property
    def answered(self) -> bool:
        """A whole answer: status 200, content, [DONE], no error."""
        return self.status == 200 and self.done and self.first is not None and not self.error

    def row(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))
