"""A reason that a condition can have, with meaning and remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from paceline.api.conditions import ConditionType, Status

EventType = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason and where it may stand.

    Attributes:
        name: CamelCase, as written into conditions.
        shows: The pairs of condition type and status that carry it.
        meaning: One sentence for the page of conditions.
        remedy: One sentence, also the end of the condition's message. "" where nothing is to be done.
        event: Type of the Event on the transition to this reason.
    """

    name: str
    shows: tuple[tuple[ConditionType, Status], ...]
    meaning: str
    remedy: str = ""
    event: EventType = "Normal"


def reasons_of(module: Mapping[str, object]) -> tuple[Reason, ...]:
    """All reasons among the names of a module, in the order in which they stand there."""
    return tuple(value for value in module.values() if isinstance(value, Reason))


def event_type(known: Mapping[str, Reason], name: str) -> EventType:
    """Type of the Event for a transition to a reason of that name; Warning for reasons of other making."""
    reason = known.get(name)
    return reason.event if reason else "Warning"
