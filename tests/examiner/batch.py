"""Many plans, several at a time, each in its own namespace of the one API server."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.examiner import exam
from tests.examiner.lesson import Lesson
from tests.examiner.oracles import complaints
from tests.examiner.plan import Plan
from tests.examiner.room import Hall

#: Most of a plan is waiting: on two cores 8 at a time take 3 s each, 4 at a time 4.3 s with half the load.
PARALLEL = int(
    os.environ.get("PACELINE_EXAMINER_PARALLEL", "8" if os.environ.get("PACELINE_TEST_SIZE") == "full" else "4")
)
FAILED = Path(__file__).with_name("failed.txt")

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Verdict:
    """What is said of a plan.

    Attributes:
        wrong: Complaints; empty: it passed.
        struck: Whether its trouble came up at all. Where it did not, nothing was examined.
        seconds: From the last step until it had converged.
    """

    plan: Plan
    wrong: tuple[str, ...]
    struck: bool
    seconds: float

    def __str__(self) -> str:
        return f"{self.plan}\n" + "\n".join(f"    {words}" for words in self.wrong)


@dataclass
class Examiner:
    """Lessons, each learnt once, and what is examined by them."""

    hall: Hall
    _lessons: dict[str, Lesson] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lesson(self, workload: str) -> Lesson:
        """What a workload does undisturbed."""
        with self._lock:
            if workload not in self._lessons:
                self._lessons[workload] = exam.lesson(self.hall, workload, at_once)
            return self._lessons[workload]

    def examine(self, plans: Sequence[Plan]) -> list[Verdict]:
        """Run plans and judge them; each is told on standard output."""
        for workload in dict.fromkeys(plan.workload for plan in plans):
            self.lesson(workload)
        begun = time.monotonic()
        verdicts = at_once(self._judge, plans)
        print(f"examiner: {summary(verdicts)}, in {time.monotonic() - begun:.0f} s")
        return verdicts

    def _judge(self, plan: Plan) -> Verdict:
        outcome = exam.examine(self.hall, plan)
        elsewhere = self.hall.tower.elsewhere(outcome.namespace)
        wrong = tuple(complaints(self.lesson(plan.workload), outcome, elsewhere))
        verdict = Verdict(plan, wrong, outcome.struck, outcome.seconds)
        told = "FAILED" if wrong else "passed" if verdict.struck else "did not come up"
        print(f"{plan} {told} {verdict.seconds:.1f} s ({outcome.namespace})", flush=True)
        return verdict


def at_once(act: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    """Do something for each item, several at a time; the results in order."""
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="room") as pool:
        return list(pool.map(act, items))


def summary(verdicts: Sequence[Verdict]) -> str:
    """The figures of a batch in one line."""
    struck = [each for each in verdicts if each.struck]
    times = sorted(each.seconds for each in struck) or [0.0]
    return (
        f"{len(verdicts)} run, {len(verdicts) - len(struck)} did not come up, "
        f"{sum(bool(each.wrong) for each in verdicts)} failed, converged within {_quantile(times, 0.95):.1f} s (p95), "
        f"{times[-1]:.1f} s (max)"
    )


def _quantile(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]


def failed_once(lines: Iterable[str] | None = None) -> Iterator[Plan]:
    """The plans that failed at some time, from the checked-in list: a plan and a comment on each line."""
    for line in FAILED.read_text().splitlines() if lines is None else lines:
        words = line.partition("#")[0].strip()
        if words:
            yield Plan.parse(words)
