"""Whose requests somebody is asked about before they go on, and how long the answer may take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from paceline.api.route_spec import Waiting
from paceline.gateway.backends import Part
from paceline.gateway.ir import Admission, Branch, Target

#: How long the ledger may take to say what it knows at once; and what is added to the time that a request may wait.
ANSWER_SECONDS = 5


def waits(waiting: Waiting, every: Iterable[Part]) -> bool:
    """Whether requests wait now: they may, nobody can take one, and somebody will."""
    found = list(every)
    may = waiting.max_seconds > 0 and waiting.max_requests > 0
    return may and not any(each.ready for each in found) and any(each.awaited for each in found)


def branches(target: Target, service: str, waiting_seconds: int | None, *, reserves: bool) -> tuple[Branch, ...]:
    """The branches of a route.

    Args:
        target: Without admission.
        service: Who is asked.
        waiting_seconds: How long each request may wait now; None where none waits.
        reserves: There are consumers whose requests somebody is always asked about.
    """
    if waiting_seconds is not None:
        return (Branch(replace(target, admission=Admission(service, waiting_seconds + ANSWER_SECONDS))),)
    asked = Branch(replace(target, admission=Admission(service, ANSWER_SECONDS)), reserves=True)
    return (asked, Branch(target)) if reserves else (Branch(target),)
