"""What a workload does when nobody disturbs it, from two runs; where they differ, nothing is expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.examiner.canonical import Counts, Key, Names, counts, end_state, flat
from tests.examiner.journal import Write
from tests.examiner.lens import Frame
from tests.examiner.programs import Glimpse
from tests.examiner.record import Event

_MISSING = object()


@dataclass(frozen=True)
class Outcome:
    """What came of one run.

    Attributes:
        problems: What went wrong in ways that need no comparison: an exit, a deadline, a write in the quiet window.
        struck: Whether the trouble of the plan happened; true without one.
        seconds: From the last step of the workload until it had converged.
        glimpses: The programs that the agents of its Gateway got, in order.
    """

    namespace: str
    model: str
    events: Sequence[Event]
    writes: Sequence[Write] = ()
    looks: Sequence[str] = ()
    frames: Sequence[Frame] = ()
    problems: tuple[str, ...] = ()
    struck: bool = True
    seconds: float = 0.0
    glimpses: Sequence[Glimpse] = ()

    @property
    def names(self) -> Names:
        """What is called otherwise in its namespace."""
        return Names.of(self.namespace, self.model, self.events)


@dataclass(frozen=True)
class Lesson:
    """What is expected.

    Attributes:
        state: Flat end state; what differs between the runs is in `masked`.
        masked: Paths whose value is nobody's promise.
        counts: Creates and deletes by canonical key, equal in both runs.
        loose: Keys whose counts differ.
        writes: The effective writes that both runs made, in order: name and number of the call.
        frames: The events of a new sort that both runs showed: kind, number, and whether a write followed.
        looks: The names of reads of single objects that both runs made.
    """

    workload: str
    state: dict[str, Any]
    masked: frozenset[str]
    counts: Counts
    loose: frozenset[Key]
    writes: tuple[tuple[str, int], ...]
    frames: tuple[tuple[str, int, bool], ...]
    looks: tuple[str, ...] = ()


def learn(workload: str, first: Outcome, second: Outcome) -> Lesson:
    """Compare two clean runs."""
    one, other = (flat(end_state(run.names, run.events)) for run in (first, second))
    masked = {path for path in one.keys() | other.keys() if one.get(path, _MISSING) != other.get(path, _MISSING)}
    here, there = (counts(run.names, run.events) for run in (first, second))
    loose = {
        key
        for what in ("creates", "deletes")
        for key in here[what].keys() | there[what].keys()
        if here[what].get(key) != there[what].get(key)
    }
    return Lesson(
        workload,
        {path: value for path, value in one.items() if path not in masked},
        frozenset(masked),
        here,
        frozenset(loose),
        _common(first.writes, second.writes),
        _frames(first, second),
        tuple(sorted(set(first.looks) & set(second.looks))),
    )


def _numbered(writes: Sequence[Write]) -> list[tuple[str, int, bool]]:
    """Each write with its place among those of its name."""
    numbers: Counter[str] = Counter()
    found = []
    for write in writes:
        numbers[write.what] += 1
        found.append((write.what, numbers[write.what], write.effective))
    return found


def _common(first: Sequence[Write], second: Sequence[Write]) -> tuple[tuple[str, int], ...]:
    there = {(what, number) for what, number, effective in _numbered(second) if effective}
    return tuple((what, n) for what, n, effective in _numbered(first) if effective and (what, n) in there)


def _frames(first: Outcome, second: Outcome) -> tuple[tuple[str, int, bool], ...]:
    last = max((write.at for write in first.writes), default=0.0)
    most = Counter(frame.resource for frame in second.frames)
    seen: set[str] = set()
    found = []
    for frame in first.frames:
        if frame.sort not in seen and frame.number <= most[frame.resource]:
            found.append((frame.resource, frame.number, frame.at < last))
        seen.add(frame.sort)
    return tuple(found)
