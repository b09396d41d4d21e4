"""Troubled runs end as untroubled ones do: kills at every write, errors, hidden, repeated and late views.

Each day another workload of models and another one of Gateways, and another part of their plans; the number that
chooses is printed. To repeat or choose:

    PACELINE_EXAMINER_ROTATION=20784            the part of that day
    PACELINE_EXAMINER_COUNT=40                  how many plans a part has
    PACELINE_EXAMINER_PARALLEL=8                how many of them run at a time
    PACELINE_EXAMINER_PLANS="roll/hide/pods/3"  just these plans, separated by spaces
    PACELINE_TEST_SIZE=full                     all plans; `test_plans.py::…[roll]` those of one workload
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from tests.examiner.batch import Examiner, Verdict, failed_once, summary
from tests.examiner.plan import Plan, plans, some
from tests.examiner.workloads import DOORS, EVERY, WORKLOADS

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
ROTATION = int(os.environ.get("PACELINE_EXAMINER_ROTATION", time.time() // 86_400))
ASKED = [Plan.parse(words) for words in os.environ.get("PACELINE_EXAMINER_PLANS", "").split()]
SHORT = int(os.environ.get("PACELINE_EXAMINER_COUNT", "12"))
#: Of those with a Gateway: as many as run at a time.
SHORT_DOORS = int(os.environ.get("PACELINE_EXAMINER_COUNT", "4"))
#: Where more troubles than this do not come up, the plans no longer fit what the operator does. Some never do on a busy
#: machine: the more there is to do, the more events one status write answers.
MISSED_SHARE = 0.2

pytestmark = pytest.mark.timeout(2400)


def chosen() -> list[str]:
    """The workloads of this session."""
    if ASKED:
        return sorted({plan.workload for plan in ASKED})
    return list(EVERY) if FULL else [list(group)[ROTATION % len(group)] for group in (WORKLOADS, DOORS)]


def expect_all_passed(examiner: Examiner, wanted: list[Plan]) -> list[Verdict]:
    verdicts = examiner.examine(wanted)
    wrong = [str(each) for each in verdicts if each.wrong]
    assert not wrong, "\n".join([f"logs below {examiner.hall.folder}", *wrong])
    missed = [str(each.plan) for each in verdicts if not each.struck]
    assert len(missed) <= max(1, MISSED_SHARE * len(verdicts)), f"these did not come up: {missed}"
    return verdicts


@pytest.mark.parametrize("workload", chosen())
def test_a_troubled_run_ends_as_an_untroubled_one_does(
    examiner: Examiner, workload: str, record_property: Callable[[str, object], None]
) -> None:
    every = plans(examiner.lesson(workload))
    asked = [plan for plan in ASKED if plan.workload == workload]
    count = SHORT_DOORS if workload in DOORS else SHORT
    wanted = asked or (every if FULL else some(every, count, ROTATION // len(WORKLOADS)))
    print(f"{workload}: {len(wanted)} of {len(every)} plans, PACELINE_EXAMINER_ROTATION={ROTATION} repeats them")
    record_property("plans", summary(expect_all_passed(examiner, wanted)))


def test_plans_that_failed_once_pass_now(examiner: Examiner) -> None:
    # Those with a Gateway take a lesson of half a minute: only on their day, and at full size.
    today = {*WORKLOADS, *chosen()}
    expect_all_passed(examiner, [plan for plan in failed_once() if not ASKED and plan.workload in today])
