"""One line of a gateway's record log: what became of one attempt to have a request answered.

A request has one record per attempt (per backend that it was sent to), and one with attempt 0 where the gateway
answered by itself. Records are written when all is over, never changed, and known by their `id`. Times are
microseconds: the arrival since 1970, everything else since the arrival.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from paceline.api.base import describe

#: Tokens of one attempt; the largest contexts of 2026 are a tenth of it. Costs rely on it (decide/pricing.py).
MOST_TOKENS = 100_000_000
#: 366 days: longer than any request, so that sums stay within 64 bits.
_LONGEST_US = 366 * 86_400 * 1_000_000


class Purpose(StrEnum):
    """Whom the attempt was for."""

    USER = "User"
    #: A person decides what of the answer is given (crawl), or looks at it afterwards (audit).
    REVIEWED = "Reviewed"
    #: A copy, whose answer nobody gets.
    MIRROR = "Mirror"
    #: paceline's own test request.
    PROBE = "Probe"


class Outcome(StrEnum):
    """How the attempt ended."""

    #: The whole answer was given.
    COMPLETED = "Completed"
    #: The caller's own 4xx: a bad body, key, model name, or a limit of the caller that is used up.
    REFUSED = "Refused"
    #: The client left.
    ABORTED = "Aborted"
    #: The backend broke off after its first byte.
    RESET = "Reset"
    #: No answer: an error, a time-out, no connection; also the backend's own 4xx for what the caller did not cause.
    FAILED = "Failed"
    #: Refused for want of capacity, here (429, 503) or by the backend (429).
    SHED = "Shed"
    #: The gateway itself ended before the answer did.
    INTERRUPTED = "Interrupted"


class UsageSource(StrEnum):
    """Who counted the tokens."""

    #: The backend, in its answer.
    REPORTED = "Reported"
    #: The gateway, where the backend did not.
    COUNTED = "Counted"
    #: Nobody: the tokens are 0.
    MISSING = "Missing"


#: No control characters: no name has any, and PostgreSQL stores no NUL.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
Id = Annotated[str, Field(min_length=1, max_length=128, pattern=_PLAIN)]
#: namespace/name of an object, two names of Kubernetes at most.
Object = Annotated[str, Field(max_length=317, pattern=_PLAIN)]
Name = Annotated[str, Field(max_length=256, pattern=_PLAIN)]
Count = Annotated[int, Field(ge=0, le=MOST_TOKENS)]
Attempt = Annotated[int, Field(ge=0, le=1000)]
Elapsed = Annotated[int, Field(ge=0, le=_LONGEST_US)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What became of one attempt.

    Attributes:
        id: Of the attempt, never given twice by any gateway.
        request_id: Of the request, shared by its attempts; made by the gateway, never taken from a client.
        gateway: namespace/name.
        consumer: namespace/name; "" where the gateway asks for no credentials.
        team: Of the consumer, at that time.
        route: The model name that the client asked for.
        model: The name that the backend knows the model by, which has the price; "" where none was reached.
        backend: Entry of the route's backends; "" where none was reached.
        deployment: namespace/name of the ModelDeployment; "" for others.
        revision: Of the ModelDeployment.
        request_class: Class of the request; "other" where it has none.
        conversation: That the request is part of, in the words of a consumer that is trusted with that; "" for none.
        attempt: From 1; 0 where the gateway answered by itself.
        attempts: Of the request in the end. The record with attempt = attempts is its last.
        superseded: The request was sent once more to the same revision, which is judged by that attempt.
        status: HTTP status; 0 where there was none.
        streamed: Asked for as a stream of events.
        started_us: Arrival of the request, since 1970.
        ttft_us: First byte of the backend's body; None without one.
        last_us: Last byte of the backend's body; None without one.
        duration_us: End of the answer to the client, or of the attempt.
        cached_tokens: Of the input tokens.
        reasoning_tokens: Of the output tokens.
        usage_complete: The tokens are those of the whole answer; else of its part up to the last count.
        ttft_target_us: Objective of the deployment at that time; None without one.
        tpot_target_us: The same, per output token.
        media: Images and other parts of the request that are no text; older gateways do not say it.
    """

    id: Id
    request_id: Id
    gateway: Object
    consumer: Object
    team: Name
    route: Name
    model: Name
    backend: Name
    deployment: Object
    revision: Name
    request_class: Name
    attempt: Attempt
    attempts: Attempt
    superseded: bool
    purpose: Purpose
    outcome: Outcome
    status: Annotated[int, Field(ge=0, le=999)]
    streamed: bool
    started_us: Annotated[int, Field(ge=0, le=2**53)]
    ttft_us: Elapsed | None
    last_us: Elapsed | None
    duration_us: Elapsed
    input_tokens: Count
    cached_tokens: Count
    output_tokens: Count
    reasoning_tokens: Count
    usage_source: UsageSource
    usage_complete: bool
    ttft_target_us: Elapsed | None
    tpot_target_us: Elapsed | None
    media: Count = 0
    conversation: Name = ""

    __pydantic_config__ = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)

    def __post_init__(self) -> None:
        if self.attempt > self.attempts:
            raise ValueError("attempt is above attempts")
        if self.cached_tokens > self.input_tokens:
            raise ValueError("cachedTokens are more than inputTokens")
        if self.reasoning_tokens > self.output_tokens:
            raise ValueError("reasoningTokens are more than outputTokens")
        if (self.ttft_us is None) != (self.last_us is None):
            raise ValueError("ttftUs and lastUs go together")
        if self.ttft_us is not None and self.last_us is not None and self.ttft_us > self.last_us:
            raise ValueError("ttftUs is after lastUs")

    @property
    def last(self) -> bool:
        """Whether the request has no further attempt."""
        return self.attempt == self.attempts

    @property
    def billed(self) -> bool:
        """Whether the consumer pays; nobody does for copies and test requests."""
        return self.purpose in _BILLED

    @property
    def unmeasured(self) -> bool:
        """Whether a backend gave a whole answer and did not say, in figures that can be, what it used."""
        whole = self.attempt > 0 and self.outcome is Outcome.COMPLETED
        return self.billed and whole and not self.usage_complete


_BILLED = (Purpose.USER, Purpose.REVIEWED)
_LINES = TypeAdapter(Record)


def parse(line: bytes) -> Record:
    """Read a line of JSON: every field that has no default, none besides, each of its own type.

    Raises:
        ValueError: it is no record; the message says what is wrong with which field.
    """
    try:
        return _LINES.validate_json(line)
    except ValidationError as wrong:
        raise ValueError(describe(wrong, "record")) from None


def write(record: Record) -> bytes:
    """The line of a record, without its end."""
    return _LINES.dump_json(record, by_alias=True)
