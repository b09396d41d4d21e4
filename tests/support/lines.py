"""Lines that Envoy wrote, and the records that are to come of them."""

from __future__ import annotations

import json
from pathlib import Path

from paceline.api.record import Record
from paceline.gateway.underway import Gate

KEPT = Path(__file__).with_name("envoy_lines.jsonl")
GATE = Gate("ns/public", {"external.ab12cd34.ns.acme": "shop"})

#: Of each record: attempt, attempts, outcome, status, backend, whether it is superseded, tokens in and out, complete.
Shown = tuple[int, int, str, int, str, bool, int, int, bool]


def shown(record: Record) -> Shown:
    return (
        record.attempt,
        record.attempts,
        record.outcome.value,
        record.status,
        record.backend,
        record.superseded,
        record.input_tokens,
        record.output_tokens,
        record.usage_complete,
    )


def kept() -> dict[str, list[bytes]]:
    """Lines by their case."""
    found: dict[str, list[bytes]] = {}
    for text in KEPT.read_text().splitlines():
        each = json.loads(text)
        found.setdefault(each["case"], []).append(each["line"].encode())
    return found


def _alone(outcome: str, status: int) -> list[Shown]:
    return [(0, 0, outcome, status, "", False, 0, 0, False)]


def _failed(number: int, count: int, outcome: str, status: int, backend: str, *, again: bool = True) -> Shown:
    return (number, count, outcome, status, backend, again, 0, 0, False)


_WHOLE = (12, 3, True)

SHOWN: dict[str, list[Shown]] = {
    "whole": [(1, 1, "Completed", 200, "main", False, *_WHOLE)],
    "stream": [(1, 1, "Completed", 200, "main", False, *_WHOLE)],
    "models": _alone("Completed", 200),
    "wrong-body": _alone("Refused", 400),
    "wrong-key": _alone("Refused", 401),
    "unknown-model": _alone("Refused", 404),
    "forbidden-model": _alone("Refused", 403),
    "unknown-path": _alone("Refused", 404),
    "closed": _alone("Failed", 503),
    "queue-full": _alone("Shed", 429),
    "denied": _alone("Refused", 429),
    "fallback-429": [
        _failed(1, 2, "Shed", 429, "main", again=False),
        (2, 2, "Completed", 200, "other", False, *_WHOLE),
    ],
    "fallback-500": [
        _failed(1, 2, "Failed", 500, "main", again=False),
        (2, 2, "Completed", 200, "other", False, *_WHOLE),
    ],
    "fallback-cut": [
        _failed(1, 2, "Failed", 0, "main", again=False),
        (2, 2, "Completed", 200, "other", False, *_WHOLE),
    ],
    "fallback-slow": [
        _failed(1, 2, "Failed", 0, "main", again=False),
        (2, 2, "Completed", 200, "other", False, *_WHOLE),
    ],
    "fallback-refused": [
        _failed(1, 2, "Failed", 0, "refused", again=False),
        (2, 2, "Completed", 200, "other", False, *_WHOLE),
    ],
    "fallback-unknown": [
        _failed(1, 2, "Failed", 500, "main", again=False),
        _failed(2, 2, "Failed", 503, "unknown", again=False),
    ],
    "all-500": [
        _failed(1, 3, "Failed", 500, "main"),
        _failed(2, 3, "Failed", 500, "main"),
        _failed(3, 3, "Failed", 500, "main", again=False),
    ],
    "backend-400": [_failed(1, 1, "Refused", 400, "main", again=False)],
    "backend-401": [_failed(1, 1, "Failed", 401, "main", again=False)],
    "backend-429": [
        _failed(1, 3, "Shed", 429, "main"),
        _failed(2, 3, "Shed", 429, "main"),
        _failed(3, 3, "Shed", 429, "main", again=False),
    ],
    "refused": [
        _failed(1, 3, "Failed", 0, "refused"),
        _failed(2, 3, "Failed", 0, "refused"),
        _failed(3, 3, "Failed", 503, "refused", again=False),
    ],
    "no-address": [_failed(1, 1, "Failed", 503, "unknown", again=False)],
    "broken": [(1, 1, "Reset", 200, "main", False, 12, 3, False)],
    "left": [(1, 1, "Aborted", 200, "main", False, 12, 3, False)],
    "left-early": [_failed(1, 1, "Aborted", 0, "main", again=False)],
    "timeout": [_failed(1, 1, "Failed", 504, "main", again=False)],
    "timeout-within": [(1, 1, "Reset", 200, "main", False, 12, 3, False)],
    "copied": [(1, 1, "Completed", 200, "main", False, *_WHOLE)],
}
