"""Plans: one trouble at one point of one workload, named by a line that anybody can repeat.

roll/kill-before/patch.deployments/1        the operator is killed when it asks for that for the first time
roll/kill-unanswered/…  roll/kill-answered/…    … when it was done but not answered; when it was answered
roll/error-409/patch.deployments/1          the first such call is answered like that (also: reset, lost, late,
                                            truncated)
roll/hide/pods/3   roll/twice/pods/3        the third event of a kind's watch is not told, or told twice
roll/stale/pods/3  roll/stale-restart/pods/3    from there on the kind stands still for a while; killed meanwhile
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.examiner.lesson import Lesson
from tests.examiner.record import KINDS

KILLS = ("kill-before", "kill-unanswered", "kill-answered")
WATCHES = ("hide", "twice", "stale", "stale-restart")
ERRORS = (
    "error-409", "error-410", "error-422", "error-429", "error-500", "error-503", "reset", "lost", "late", "truncated",
)  # fmt: skip
#: What can befall a look at one object; answers that say nothing else than these are read by the same code.
LOOKS = ("error-429", "error-500", "reset", "late", "truncated")
#: One of each sort of answer, as `kube.faults` and `kube.client` read them: the others differ in nothing but words.
SORTS = ("error-409", "error-422", "error-429", "error-503", "lost", "late")
TROUBLES = (*KILLS, *WATCHES, *ERRORS)


@dataclass(frozen=True, order=True)
class Plan:
    """One plan.

    Attributes:
        point: A call (`patch.deployments`) or, for troubles of watches, a kind.
        number: Which of them, counted from 1 since the workload began.
    """

    workload: str
    trouble: str
    point: str
    number: int

    def __str__(self) -> str:
        return f"{self.workload}/{self.trouble}/{self.point}/{self.number}"

    @classmethod
    def parse(cls, line: str) -> Plan:
        """A plan from its line.

        Raises:
            ValueError: it is none.
        """
        workload, trouble, rest = line.strip().split("/", 2)
        point, _, number = rest.rpartition("/")
        if trouble not in TROUBLES or not point:
            raise ValueError(f"no plan: {line!r}")
        return cls(workload, trouble, point, int(number))


def plans(lesson: Lesson) -> list[Plan]:
    """All plans of a workload, without those that another one stands for.

    What is left out, and why:

    - writes that changed nothing: no state lies between before and after;
    - errors of the second and later calls of a name: the code that reads the answer is the same, and the state in
      which it is read is that of a kill at the same call (status writes: the first and the last);
    - outside of `create` and `door-create`, where all of them are tried, errors that are read as another one is;
    - events of a sort that came before (pods of one revision are alike), and of EndpointSlices, of which nothing is
      decided, everything but a missing event;
    - a view of children that stands still after the last write: nothing is done on it. (On an old view of the model
      itself something could be: its deletion is followed by no write where all is well.)
    """
    return [Plan(lesson.workload, *rest) for rest in _points(lesson)]


def _points(lesson: Lesson) -> Iterator[tuple[str, str, int]]:
    for point, number in lesson.writes:
        for kill in KILLS:
            yield kill, point, number
    everything = lesson.workload in {"create", "door-create"}
    for point, number in _first_and_last(lesson.writes):
        for error in ERRORS if everything else SORTS:
            yield error, point, number
    for point in lesson.looks:
        for error in LOOKS if everything else ("error-500",):
            yield error, point, 1
    for resource, number, followed in lesson.frames:
        yield "hide", resource, number
        if resource == "endpointslices":
            continue
        yield "twice", resource, number
        if followed or resource in KINDS:
            yield "stale", resource, number
            yield "stale-restart", resource, number


def _first_and_last(writes: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """The first call of each name, and the last one of a status."""
    highest: dict[str, int] = {}
    for point, number in writes:
        highest[point] = max(number, highest.get(point, 0))
    first = {point: min(number for name, number in writes if name == point) for point in highest}
    for point, number in first.items():
        yield point, number
        if point.endswith("/status") and highest[point] != number:
            yield point, highest[point]


def some(every: Sequence[Plan], count: int, rotation: int) -> list[Plan]:
    """A part of the plans, another one for each rotation, spread over all troubles; all come up in time."""
    if len(every) <= count:
        return list(every)
    kinds = sorted(every, key=lambda plan: (plan.trouble, plan.point, plan.number))
    step = -(-len(kinds) // count)
    return kinds[rotation % step :: step][:count]
