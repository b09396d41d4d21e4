"""Conditions: the shape of metav1.Condition, and the rule that lastTransitionTime moves only with status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeGuard, get_args

Status = Literal["True", "False", "Unknown"]
ConditionType = Literal[
    "Ready",
    "Available",
    "Accepted",
    "ModelResolved",
    "Fits",
    "Progressing",
    "SLOMet",
    "Programmed",
    "BackendsResolved",
    "CredentialsResolved",
    "WithinBudget",
]

READY: ConditionType = "Ready"
AVAILABLE: ConditionType = "Available"
ACCEPTED: ConditionType = "Accepted"
MODEL_RESOLVED: ConditionType = "ModelResolved"
FITS: ConditionType = "Fits"
PROGRESSING: ConditionType = "Progressing"
SLO_MET: ConditionType = "SLOMet"
PROGRAMMED: ConditionType = "Programmed"
BACKENDS_RESOLVED: ConditionType = "BackendsResolved"
CREDENTIALS_RESOLVED: ConditionType = "CredentialsResolved"
WITHIN_BUDGET: ConditionType = "WithinBudget"

#: Those of each kind, in the order in which `kubectl describe` shows them.
TYPES: dict[str, tuple[ConditionType, ...]] = {
    "ModelDeployment": (READY, AVAILABLE, ACCEPTED, MODEL_RESOLVED, FITS, PROGRESSING, SLO_MET),
    "Gateway": (READY, ACCEPTED, PROGRAMMED, BACKENDS_RESOLVED, CREDENTIALS_RESOLVED),
    "Consumer": (READY, ACCEPTED, WITHIN_BUDGET),
}

#: Kubernetes allows 32768; a condition is for reading.
MAX_MESSAGE = 1024

# Terminal escapes, control and bidirectional characters of an engine's last words may not reach a person's terminal.
_UNPRINTABLE = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One statement about an object, with the reason and what to do about it."""

    type: str
    status: Status
    reason: str
    message: str
    observed_generation: int


def clean(text: str, limit: int = MAX_MESSAGE) -> str:
    """Make foreign words fit for a condition: one line, printable, at most `limit` characters."""
    line = " ".join(_UNPRINTABLE.sub("", text.encode("utf-8", "replace").decode()).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def stamp(time: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as the API server writes times."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_stamp(text: object) -> datetime | None:
    """Read an RFC 3339 time; None where there is none or it is garbage."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def conditions_of(status: object) -> tuple[Condition, ...]:
    """The well-formed conditions of a raw status. Never raises: a tenant may have forged it."""
    entries = status.get("conditions") if isinstance(status, Mapping) else None
    if not isinstance(entries, list):
        return ()
    return tuple(
        Condition(
            type=str(entry["type"]),
            status=entry["status"],
            reason=str(entry.get("reason", "")),
            message=str(entry.get("message", "")),
            observed_generation=observed if isinstance(observed := entry.get("observedGeneration"), int) else 0,
        )
        for entry in entries
        if _is_condition(entry)
    )


def _is_condition(entry: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(entry, Mapping) and "type" in entry and entry.get("status") in get_args(Status)


def find(conditions: Iterable[Condition], kind: str) -> Condition | None:
    """The condition of that type, if there is one."""
    return next((condition for condition in conditions if condition.type == kind), None)


def merge(previous: object, conditions: Iterable[Condition], now: datetime) -> list[dict[str, Any]]:
    """Write conditions as the API wants them.

    Args:
        previous: The raw status so far, from which unchanged lastTransitionTimes are kept.
        conditions: What holds now.
        now: Time of the transitions that happen now.
    """
    entries = previous.get("conditions") if isinstance(previous, Mapping) else None
    before = {str(e["type"]): e for e in entries if _is_condition(e)} if isinstance(entries, list) else {}
    written = []
    for condition in conditions:
        old = before.get(condition.type, {})
        since = old.get("lastTransitionTime") if old.get("status") == condition.status else None
        written.append(
            {
                "type": condition.type,
                "status": condition.status,
                "observedGeneration": condition.observed_generation,
                "lastTransitionTime": since if parse_stamp(since) else stamp(now),
                "reason": condition.reason,
                "message": clean(condition.message),
            }
        )
    return written
