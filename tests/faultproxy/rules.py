"""What goes wrong, with which calls, and how often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.faultproxy.calls import Call, Which


@dataclass(frozen=True)
class Answer:
    """Answered by the proxy; the API server hears nothing of it.

    Attributes:
        retry_after: Seconds, sent as a header.
    """

    status: int
    message: str = "a fault of the proxy"
    retry_after: int | None = None


@dataclass(frozen=True)
class ErrorFrame:
    """A watch begins, says ERROR and ends: how an API server tells that a watch cannot go on."""

    code: int
    message: str = "a fault of the proxy"


@dataclass(frozen=True)
class Delay:
    """The API server gets it later."""

    seconds: float


@dataclass(frozen=True)
class Cut:
    """The connection ends without an answer.

    Attributes:
        done: The API server gets the request first and does it; only its answer is lost.
        after: Seconds that a watch may run before it is cut.
    """

    done: bool = False
    after: float | None = None


@dataclass(frozen=True)
class Hold:
    """The API server gets it when the rule is removed, even if the client has gone by then."""


@dataclass(frozen=True)
class Silence:
    """A half-open connection: nothing comes, and nobody says so; also of the watches that run already.

    When the rule is removed these connections are cut, for in life too they do not come back.
    """


@dataclass(frozen=True)
class Truncated:
    """The API server gets it and does it; of its answer only the first half arrives, then the connection ends."""


@dataclass(frozen=True)
class AsOf:
    """A list shows the state of an earlier resourceVersion, as a server that lags behind would.

    Attributes:
        version: Gives that resourceVersion when the call comes.
    """

    version: Callable[[], str]


Moment = Literal["before", "unanswered", "answered"]


@dataclass(frozen=True)
class Strike:
    """The test does something at a moment of the call: mostly, kill the client.

    Attributes:
        moment: `before`: the API server never gets it. `unanswered`: it has done it, and its answer is lost.
            `answered`: the client has been sent the whole answer.
        act: What is done, in the proxy's loop.
    """

    moment: Moment
    act: Callable[[], None]


Action = Answer | ErrorFrame | Delay | Cut | Hold | Silence | Truncated | AsOf | Strike


@dataclass(eq=False)
class Rule:
    """An action for the calls that match.

    Attributes:
        first: The matching call that is struck first, counted from 1.
        times: How many are struck from there on; None: all.
        matched: Calls that matched so far.
        over: Set when the rule is removed.
    """

    which: Which
    action: Action
    first: int = 1
    times: int | None = None
    matched: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def struck(self) -> int:
        """Calls that were struck so far."""
        return max(0, min(self.matched - self.first + 1, self.times if self.times is not None else self.matched))

    def strikes(self, call: Call) -> bool:
        """Count a call; whether it is one to strike."""
        if not self.which(call):
            return False
        before = self.struck
        self.matched += 1
        return self.struck > before


def status_object(code: int, message: str) -> bytes:
    """How an API server says that something failed."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code}
    return json.dumps({**body, "message": message, "reason": _REASONS.get(code, "InternalError")}).encode()


def error_frame(code: int, message: str) -> bytes:
    """The line of a watch that tells of an error."""
    return b'{"type":"ERROR","object":' + status_object(code, message) + b"}\n"


_REASONS = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
}
