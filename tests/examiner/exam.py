"""One run of a workload, clean or with the trouble of a plan."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import httpx

from tests.examiner.journal import name_of
from tests.examiner.lens import Lens
from tests.examiner.lesson import Lesson, Outcome, learn
from tests.examiner.plan import Plan
from tests.examiner.room import Hall, Room
from tests.examiner.tenant import MODEL
from tests.examiner.workloads import EVERY, Workload
from tests.faultproxy.calls import Call, Which
from tests.faultproxy.rules import Action, Answer, AsOf, Cut, Delay, Moment, Rule, Strike, Truncated

#: From any fault until everything is as it should be.
CONVERGES_SECONDS = 60.0
#: The last status may follow what is seen by up to a second; then nothing is written any more.
_SETTLES_SECONDS = 1.5
#: A resync is every 5 s ± 20 % here: one of them lies in each quiet window.
_QUIET_SECONDS = 6.5
#: Longer than the Lease of 4 s lasts, and so longer than any write of ours may be under way.
_LATE_SECONDS = 6.0
#: A kind stands still for long enough that everything else goes on; a restart takes 3 s of it. A resync finds out what
#: was hidden.
_LASTS_SECONDS = {"stale": 4.0, "stale-restart": 9.0, "hide": _QUIET_SECONDS}
_KILLS: dict[str, Moment] = {"kill-before": "before", "kill-unanswered": "unanswered", "kill-answered": "answered"}
_ERRORS: dict[str, Action] = {
    "reset": Cut(),
    "lost": Cut(done=True),
    "late": Delay(_LATE_SECONDS),
    "truncated": Truncated(),
    "error-429": Answer(429, retry_after=2),
}
#: Kinds of which a restarted operator is shown an old list as well. Of our own kind it never is: a list without a
#: resourceVersion is a quorum read, which no server may answer from the past.
_OLD_LISTS = ("deployments", "pods", "endpointslices")


def examine(hall: Hall, plan: Plan) -> Outcome:
    """Run a plan."""
    return _run(hall, EVERY[plan.workload], plan)


def lesson(hall: Hall, workload: str, run: Callable[..., list[Outcome]]) -> Lesson:
    """Run a workload twice clean, in the way that `run` runs things, and compare.

    Raises:
        AssertionError: a clean run did not end well.
    """
    first, second = run(lambda _: _run(hall, EVERY[workload], None), range(2))
    for outcome in (first, second):
        assert not outcome.problems, f"{workload}, undisturbed: {outcome.problems}"
    return learn(workload, first, second)


def _run(hall: Hall, workload: Workload, plan: Plan | None) -> Outcome:
    namespace = f"x-{secrets.token_hex(4)}"
    lens = Lens()
    problems: list[str] = []
    struck: Callable[[], bool] = lambda: True  # noqa: E731 - the empty case of `_arm`
    seconds = 0.0
    with hall.room(namespace, lens, door=workload.door) as room:
        try:
            for step in workload.before:
                step.act(room.subject)
                room.until(lambda step=step: step.comes(room.subject), CONVERGES_SECONDS, step.ends)
            room.quiet(_SETTLES_SECONDS, 20)
            if plan is not None:
                struck = _arm(room, plan)
            room.journal.begin()
            lens.begin()
            seconds = _steps(room, workload)
            problems += _restlessness(room)
        except (AssertionError, httpx.HTTPError) as error:
            problems.append(f"{error}{room.told()}")
        events = hall.tower.events(namespace)
        # While nobody tears the namespace down.
        outcome = Outcome(
            namespace,
            MODEL,
            events,
            tuple(room.journal.writes),
            tuple(room.journal.looks),
            tuple(lens.seen),
            tuple(problems),
            struck(),
            seconds,
            tuple(room.door.courier.glimpses) if room.door else (),
        )
    hall.tower.forget(namespace)
    return outcome


def _steps(room: Room, workload: Workload) -> float:
    """Take the steps; the seconds that the last one took to converge."""
    begun = time.monotonic()
    for step in workload.steps:
        begun = time.monotonic()
        step.act(room.subject)
        room.until(lambda step=step: step.comes(room.subject), CONVERGES_SECONDS, step.ends)
    return time.monotonic() - begun


def _restlessness(room: Room) -> list[str]:
    """What is written although everything is as it should be, and no trouble lasts."""
    room.until(lambda: not room.lens.lasts, 30, "it sees what is")
    # Who was killed at the last write is silent for as long as the start takes.
    room.until(room.operator.leads, CONVERGES_SECONDS, "it leads")
    if not room.quiet(_SETTLES_SECONDS, 20):
        return [f"quiet: it still writes 20 s after it converged: {[w.what for w in room.journal.writes[-5:]]}"]
    since = time.monotonic()
    room.until(lambda: time.monotonic() - since > _QUIET_SECONDS, 30, "the quiet window is over")
    return [
        f"quiet: {write.what} ({write.status}) in the quiet window" for write in room.journal.writes if write.at > since
    ]


def _arm(room: Room, plan: Plan) -> Callable[[], bool]:
    """Set a plan's trouble up; what tells whether it happened."""
    if plan.trouble in {"hide", "twice", "stale", "stale-restart"}:
        return _arm_lens(room, plan)
    action: Action
    if plan.trouble in _KILLS:
        action = Strike(_KILLS[plan.trouble], room.kill)
    elif plan.trouble in _ERRORS:
        action = _ERRORS[plan.trouble]
    else:
        action = Answer(int(plan.trouble.removeprefix("error-")))
    rule: Rule = room.proxy.add(_named(plan.point), action, first=plan.number, times=1)
    return lambda: rule.struck > 0


def _named(point: str) -> Which:
    def which(call: Call) -> bool:
        return name_of(call) == point

    return which


def _arm_lens(room: Room, plan: Plan) -> Callable[[], bool]:
    lens = room.lens
    lens.resource, lens.number = plan.point, plan.number
    lens.trouble = "hide" if plan.trouble == "hide" else "twice" if plan.trouble == "twice" else "freeze"
    lens.seconds = _LASTS_SECONDS.get(plan.trouble, 0.0)
    if plan.trouble == "stale-restart":
        lens.act = room.kill
        if plan.point in _OLD_LISTS:
            room.proxy.add(
                lambda call: call.verb == "list" and call.resource == plan.point and lens.lasts,
                AsOf(lambda: lens.version),
            )
    return lambda: lens.struck
