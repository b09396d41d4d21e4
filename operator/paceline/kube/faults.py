"""What an HTTP answer of the API server means, as one of our error types."""

from __future__ import annotations

import json
from collections.abc import Mapping

from paceline.errors import (
    Conflict,
    NotFound,
    PacelineError,
    Stalled,
    TooManyRequests,
    Transient,
    Unauthorized,
    Waiting,
)
from paceline.kube.resources import JsonObject

#: The server's words are shown to users; admission webhooks can be long-winded.
_MOST_CHARACTERS = 512
_DEFAULT_PAUSE_SECONDS = 1.0
_REFUSALS = frozenset({400, 405, 406, 413, 415, 422})
_PLAIN: dict[int, tuple[type[PacelineError], str]] = {
    401: (Unauthorized, "Unauthorized"),
    404: (NotFound, "NotFound"),
    409: (Conflict, "Conflict"),
    410: (Transient, "Expired"),
    412: (Conflict, "Conflict"),
}
_TOO_LONG_PAUSE_SECONDS = 60.0


def fault(status: int, body: bytes, headers: Mapping[str, str], what: str) -> PacelineError:
    """The error that an answer stands for.

    Args:
        status: HTTP status, 400 or more.
        body: The answer; a `Status` object where it comes from the API server itself.
        headers: Answer headers, for Retry-After (seconds).
        what: The request in words, for the message.
    """
    details = _status_object(body)
    words = _words(details, body)
    if status == 403:
        return _forbidden(details, words, what)
    if status == 429:
        return TooManyRequests(f"{what}: {words}", retry_after(details, headers))
    if status in _REFUSALS:
        return Stalled("ApplyRefused", f"the API server refused {what}: {words}. Correct what the message names.")
    kind, reason = _PLAIN.get(status, (Transient, "ServerError"))
    return kind(reason, f"{what}: {status} {words}")


def retry_after(details: JsonObject, headers: Mapping[str, str]) -> float:
    """Seconds the server asks to wait, from the header or the Status object, between 0 and 60."""
    asked: object = headers.get("Retry-After") or (details.get("details") or {}).get("retryAfterSeconds")
    try:
        seconds = float(str(asked))
    except ValueError:  # left out, or a date: nobody sends dates here
        return _DEFAULT_PAUSE_SECONDS
    return min(max(seconds, 0.0), _TOO_LONG_PAUSE_SECONDS)


def _forbidden(details: JsonObject, words: str, what: str) -> PacelineError:
    """403 is a quota, an admission plugin, a namespace on its way out, or a missing permission."""
    if "exceeded quota" in words:
        return Waiting("QuotaExceeded", f"{words}. Raise the ResourceQuota or free some of it.")
    causes = (details.get("details") or {}).get("causes") or []
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return Transient("NamespaceTerminating", f"{what}: {words}")
    if "cannot" in words and "resource" in words:
        return Waiting(
            "ApplyRefused",
            f"{words}. Grant the operator's ServiceAccount this permission (`paceline enable NAMESPACE` prints it).",
        )
    return Waiting("ApplyRefused", f"{what} was refused: {words}. Change the policy or what it objects to.")


def _status_object(body: bytes) -> JsonObject:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _words(details: JsonObject, body: bytes) -> str:
    words = str(details.get("message") or body[:_MOST_CHARACTERS].decode("utf-8", "replace")).strip()
    return words[:_MOST_CHARACTERS].rstrip(".") or "no explanation"
