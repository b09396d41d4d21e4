"""A report as a pod's last words: JSON of at most 4096 bytes, which is what Kubernetes keeps of them."""

from __future__ import annotations

from collections.abc import Callable

from paceline.api.resolved import Resolved
from paceline.api.source import Failure, Report
from paceline.fetch.reasons import INVALID

MOST_BYTES = 4096
#: What an adapter can do without, in the order in which it is left out.
_SPARED = ("chat_template_difference", "chat_template_digest", "tokenizer_digest", "shape", "dtype", "parameters")


def encode(report: Report, redact: Callable[[str], str], *, complete: bool = True) -> str:
    """The report as one line.

    Args:
        report: What is to be said. Of many adapters details are left out, never of the model called base.
        redact: Takes secrets out.
        complete: Whether somebody reads what was found of every source. After files were brought nobody does, so that
            adapters may be left out altogether.

    Returns:
        At most 4096 bytes in UTF-8. A report of too many sources becomes a failure that says so.
    """
    text = _json(report)
    for name in _SPARED:
        if _fits(text):
            break
        report = Report(found={key: _without(key, value, name) for key, value in report.found.items()})
        text = _json(report)
    if report.failure is not None:
        text = _failed(report.failure, redact)
    elif not _fits(text) and not complete:
        text = _json(Report(found={key: value for key, value in report.found.items() if key == "base"}))
    elif not _fits(text):
        count = len(report.found)
        message = f"what was found of {count} sources does not fit into one report. Ask for fewer at a time."
        text = _failed(Failure(reason=INVALID, message=message, retry=False), redact)
    return text


def _failed(failure: Failure, redact: Callable[[str], str]) -> str:
    """A failure whose message is cut until it fits: escapes may make it several times as long."""
    message = redact(failure.message)[:1024]
    while True:
        text = _json(Report(failure=failure.model_copy(update={"message": message})))
        if _fits(text):
            return text
        message = message[: len(message) * 3 // 4]


def _without(key: str, found: Resolved, name: str) -> Resolved:
    if key == "base":
        return found
    return found.model_copy(update={name: Resolved.model_fields[name].default})


def _json(report: Report) -> str:
    return report.model_dump_json(by_alias=True, exclude_defaults=True)


def _fits(text: str) -> bool:
    return len(text.encode()) <= MOST_BYTES
