"""Does a disturbed run end as an undisturbed one does, and did it get there in the same way?"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from tests.examiner.canonical import counts, end_state, flat
from tests.examiner.invariants import violations
from tests.examiner.lesson import Lesson, Outcome
from tests.examiner.programs import misled

_MISSING = "nothing"


def complaints(lesson: Lesson, outcome: Outcome, elsewhere: Collection[str] = ()) -> list[str]:
    """Everything that is wrong with a run; empty: it passes.

    Args:
        lesson: What is expected.
        outcome: What was seen.
        elsewhere: The uids of objects of our kinds of other namespaces.
    """
    return [
        *outcome.problems,
        *same_state(lesson, outcome),
        *same_counts(lesson, outcome),
        *guarded(outcome),
        *violations(outcome.events, elsewhere),
        *misled(outcome.events, outcome.glimpses),
    ]


def same_state(lesson: Lesson, outcome: Outcome) -> Iterator[str]:
    """The end state is that of the clean runs, masked paths aside."""
    found = flat(end_state(outcome.names, outcome.events))
    for path in sorted(lesson.state.keys() | found.keys()):
        wanted, seen = lesson.state.get(path, _MISSING), found.get(path, _MISSING)
        if wanted != seen and not _masked(path, lesson.masked):
            yield f"end state: {path} is {_short(seen)}, not {_short(wanted)}"


def _masked(path: str, masked: frozenset[str]) -> bool:
    return path in masked or any(path.startswith(f"{each}/") for each in masked)


def same_counts(lesson: Lesson, outcome: Outcome) -> Iterator[str]:
    """Nothing was made or removed more often, or less, than in the clean runs."""
    found = counts(outcome.names, outcome.events)
    for what in ("creates", "deletes"):
        for key in sorted(lesson.counts[what].keys() | found[what].keys()):
            wanted, seen = lesson.counts[what].get(key, 0), found[what].get(key, 0)
            if wanted != seen and key not in lesson.loose:
                yield f"{what}: {seen} of {' '.join(key)}, not {wanted}"


def guarded(outcome: Outcome) -> Iterator[str]:
    """Every delete says which object it means."""
    for write in outcome.writes:
        if not write.guarded:
            yield f"{write.what} carries no uid: it may hit another object of that name"


def _short(value: Any) -> str:
    words = str(value)
    return words if len(words) <= 120 else f"{words[:117]}..."
