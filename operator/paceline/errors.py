"""Error types that decide, in one place, what happens after a failure.

A reconcile raises one of these; the worker reads from the type whether to try again and when, which
condition the object gets, whether an Event is due and how loud the log line is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass
class PacelineError(Exception):
    """Base of all expected failures.

    Attributes:
        reason: CamelCase, goes into conditions and Events.
        message: What is wrong, with the value, and what to do about it.
    """

    reason: str
    message: str

    #: True: trying again without a change of the world may help, so the queue backs off and retries.
    retry: ClassVar[bool] = True
    #: Without a retry: look again after this many seconds; None: at each resync.
    look_seconds: ClassVar[float | None] = None
    #: True: the failure is shown on the object as a condition and an Event.
    visible: ClassVar[bool] = True
    #: Level of the log line, a name of the logging module.
    level: ClassVar[str] = "WARNING"

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class Stalled(PacelineError):  # noqa: N818 - a state of the world, not an accident
    """Only a change by a person (spec, configuration, permission) helps; looked at again at each resync."""

    retry = False


class Lacking(Stalled):
    """The cluster lacks something of which nobody tells us when it comes (a node, a quota); looked at often."""

    look_seconds = 15.0


class Waiting(PacelineError):  # noqa: N818 - a state of the world, not an accident
    """Something outside is not there yet; the object says so and the queue looks again with back-off."""

    level = "INFO"


class Pending(Waiting):
    """Something that was started is on its way; news of it comes by itself."""

    retry = False


class Transient(PacelineError):  # noqa: N818 - a state of the world, not an accident
    """The API server or the network failed; retried with back-off and jitter, no condition, no Event."""

    visible = False


class Conflict(Transient):
    """A precondition (uid, resourceVersion) did not hold: the view was stale. Observe again, then decide again."""

    level = "INFO"


class Fenced(Transient):
    """The Lease is not held (any more): nothing may be sent. The new holder does the work."""

    retry = False
    level = "INFO"


class TooManyRequests(Transient):
    """The API server asked for a pause.

    Attributes:
        retry_after: Seconds to wait, from the Retry-After header.
    """

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__("TooManyRequests", message)
        self.retry_after = retry_after


class NotFound(Transient):
    """The object of a request does not exist (any more). A write meets this when its namespace or kind is gone."""

    level = "INFO"


class Unauthorized(Transient):
    """The API server refused the credentials (401). They are read anew before the next request."""
