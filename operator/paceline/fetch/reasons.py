"""Why a fetch comes to nothing: the closed list of reasons, each with what it means for the next attempt."""

from __future__ import annotations

from pathlib import Path

from paceline.api.source import Failure
from paceline.errors import PacelineError, Stalled, Waiting

NOT_FOUND = "SourceNotFound"
UNAUTHORIZED = "SourceUnauthorized"
UNREACHABLE = "SourceUnreachable"
REFUSED = "SourceRefused"
INVALID = "SourceInvalid"
CHANGED = "SourceChanged"
MISMATCH = "DigestMismatch"
DISK_FULL = "DiskFull"
MISSING = "ReferenceMissing"
FOLDER_TAKEN = "FolderTaken"
FOLDER_UNUSABLE = "FolderUnusable"
INTERRUPTED = "Interrupted"
UNEXPECTED = "Unexpected"

#: Every reason that a report may give; True: it may work next time without anybody doing anything.
REASONS: dict[str, bool] = {
    NOT_FOUND: False,
    UNAUTHORIZED: False,
    UNREACHABLE: True,
    REFUSED: False,
    INVALID: False,
    CHANGED: False,
    MISMATCH: False,
    DISK_FULL: False,
    MISSING: True,
    FOLDER_TAKEN: False,
    FOLDER_UNUSABLE: False,
    INTERRUPTED: True,
    UNEXPECTED: True,
}


class Unreachable(Waiting):
    """The source did not answer, or not to the end.

    Attributes:
        retry_after: Seconds that the source asked to be left alone; 0 where it did not ask.
    """

    def __init__(self, message: str, retry_after: float = 0) -> None:
        super().__init__(UNREACHABLE, message)
        self.retry_after = retry_after


class Interrupted(BaseException):
    """The process was asked to end. No library may take it for an error of its own and go on."""


def invalid(message: str) -> Stalled:
    """The source is there, and is no model that can be served."""
    return Stalled(INVALID, message)


def missing(what: str, field: str) -> Waiting:
    """A Secret or ConfigMap that is to come, or whose name is wrong."""
    return Waiting(
        MISSING, f"{what} is not there. Create the object and the key that {field} names. It is tried again."
    )


def changed(what: str) -> Stalled:
    """The source no longer has what was resolved."""
    return Stalled(
        CHANGED, f"{what}. What was resolved is not there any more: restore it, or change the spec to resolve again."
    )


def cause(error: BaseException) -> PacelineError | None:
    """Our own error inside what a library made of it, such as a refused address inside a connection error."""
    seen: BaseException | None = error
    for _ in range(20):
        if seen is None or isinstance(seen, PacelineError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def failure(error: BaseException) -> Failure:
    """What the report says of an error."""
    known = cause(error)
    if isinstance(error, Interrupted):
        message = "the fetch was asked to end. What was fetched is kept where its folder is, and the next one goes on."
        return Failure(reason=INTERRUPTED, message=message, retry=True)
    if known is None or known.reason not in REASONS:
        kind = f"{type(error).__name__} at {_place(error)}"
        message = f"paceline met an error that it does not know ({kind}). Report it with the source."
        return Failure(reason=UNEXPECTED, message=message, retry=True)
    return Failure(reason=known.reason, message=known.message[:1024], retry=REASONS[known.reason])


def _place(error: BaseException) -> str:
    """File and line that raised it; its text may hold anything, secrets too."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"
