"""Lines of the proxy's log of requests, as `envoy.logs` has them written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter

Kind = Literal["UpstreamPoolReady", "UpstreamEnd", "DownstreamPeriodic", "DownstreamEnd"]
#: Seconds since 1970 with six digits behind the point.
Moment = Annotated[str, Field(pattern=r"^\d{1,11}\.\d{6}$")]
_Count = Annotated[int, Field(ge=0, le=2**53)]
#: Where a line may begin. Texts within it have their quotes escaped, so nothing else looks like that but `error`.
_BEGIN = re.compile(rb'(?<!"error":)\{"')


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of a request, or of one of its attempts, at one moment.

    Attributes:
        type: UpstreamPoolReady and UpstreamEnd are of an attempt: a server was found; it failed. The others are of the
            request: it goes on (each second); it is over.
        id: Of the request.
        started: Of the request, or of the attempt.
        emitted: When the line was made.
        cluster: Chosen for the request, also where nobody was asked; "" for none.
        code: HTTP status; 0 where there is none.
        details: How the answer came to be, in the proxy's words.
        target, backend, request, usage: JSON; "" where there is none. Upstream lines have the first two.
        refusal: What the ledger refused it for.
        attempts: How often it was sent.
        first_byte_us: Of the answer's body, since the arrival.
        last_byte_us: The same.
        duration_us: Until the client had everything; None where it never did.
        client: In upstream lines, where a connection was there already.
    """

    type: Kind
    id: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[!-~]+$")]
    started: Moment
    emitted: Moment
    route: str = ""
    cluster: str = ""
    code: Annotated[int, Field(ge=0, le=999)] = 0
    flags: str = "-"
    details: str = ""
    target: str = ""
    backend: str = ""
    request: str = ""
    usage: str = ""
    refusal: str = ""
    attempts: _Count = 0
    first_byte_us: _Count | None = None
    last_byte_us: _Count | None = None
    duration_us: _Count | None = None
    client: str = ""

    __pydantic_config__ = ConfigDict(extra="ignore")

    @property
    def started_us(self) -> int:
        """Microseconds since 1970."""
        return _micros(self.started)

    @property
    def emitted_us(self) -> int:
        """Microseconds since 1970."""
        return _micros(self.emitted)

    @property
    def of_attempt(self) -> bool:
        """It is of one attempt, and not of the request."""
        return self.type.startswith("Upstream")


_LINES = TypeAdapter(Line)


def parse(text: bytes) -> list[Line]:
    """Read what stands between two ends of lines.

    It is one line; or, where the proxy was killed while it wrote, the beginning of one and then the first line of the
    proxy that came after it.

    Returns:
        Nothing where no line can be read.
    """
    for begin in _BEGIN.finditer(text):
        try:
            return [_line(text[begin.start() :])]
        except (ValueError, RecursionError):
            continue
    return []


def _line(text: bytes) -> Line:
    """The proxy writes null for what there is not."""
    document = json.loads(text)
    return _LINES.validate_python({name: value for name, value in document.items() if value is not None})


def _micros(moment: str) -> int:
    seconds, _, fraction = moment.partition(".")
    return int(seconds) * 1_000_000 + int(fraction)
