"""The engine on a clock: sequences in, token events out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from paceline.sim.batching import Batching
from paceline.sim.calibration import Calibration
from paceline.sim.scheduler import Scheduler, Step
from paceline.sim.sequence import Sequence
from paceline.sim.step import step_seconds


@dataclass(frozen=True, slots=True)
class StepEnd:
    """A step that ended.

    Attributes:
        time: When, in seconds.
        tokens: Sequences that got one token each; those with ``finished`` set are out of the engine.
        preempted: Sequences that were thrown out when the step was planned.
        computed: Tokens that it computed, of prompts and of answers.
    """

    time: float
    tokens: list[Sequence]
    preempted: list[Sequence]
    computed: int


class Engine:
    """A simulated engine. The caller owns the clock: it submits, begins steps, and ends them when they are due.

    Attributes:
        scheduler: Queue, batch and blocks, for gauges.
        ends_at: When the step under way ends; None while no step is under way.
        steps: Steps begun so far.
    """

    def __init__(self, calibration: Calibration, batching: Batching | None = None, *, slowdown: float = 1.0) -> None:
        self.calibration = calibration
        self.scheduler = Scheduler(calibration.limits, batching or Batching())
        self.ends_at: float | None = None
        self.steps = 0
        self._slowdown = slowdown
        self._step: Step | None = None
        self._last_end: float | None = None

    def submit(self, sequence: Sequence, now: float) -> None:
        """Queue a sequence that arrives at ``now`` (seconds).

        Raises:
            ValueError: It can never fit; the message says what to change.
        """
        sequence.arrival = now
        sequence.ready = now + self.calibration.step.intake_ms / 1000.0 * self._slowdown
        self.scheduler.add(sequence)

    def abort(self, sequence: Sequence) -> None:
        """Take a sequence out before its end; a step under way goes on without it."""
        self.scheduler.remove(sequence)

    def begin(self, now: float) -> float | None:
        """Begin a step at ``now`` if somebody can compute; return when it ends.

        None means that the engine is idle: ask ``wakes_at`` when to begin again.
        """
        step = self.scheduler.plan(now)
        if step is None:
            return None
        seconds = step_seconds(self.calibration.step, step.work)
        if self._last_end is None or now > self._last_end:
            seconds += self.calibration.step.wake_ms / 1000.0
        self._step = step
        self.steps += 1
        self.ends_at = now + seconds * self._slowdown
        return self.ends_at

    def wakes_at(self) -> float | None:
        """Return when an idle engine should begin again, if nothing else arrives; None: never."""
        time = self.scheduler.next_departure()
        return time if time is None or self._last_end is None else max(time, self._last_end)

    def end(self) -> StepEnd:
        """End the step under way, at its time.

        Raises:
            RuntimeError: No step is under way.
        """
        if self._step is None or self.ends_at is None:
            raise RuntimeError("no step is under way: call begin() first")
        step, time = self._step, self.ends_at
        self._step, self.ends_at, self._last_end = None, None, time
        return StepEnd(time, self.scheduler.complete(step, time), step.preempted, step.tokens)


def simulate(engine: Engine, arrivals: Iterable[tuple[float, Sequence] | None]) -> Iterator[StepEnd]:
    """Run arrivals (seconds, ascending) through an engine as fast as Python goes; yield each step's end.

    ``arrivals`` is read lazily, one ahead, so a generator may decide from what was yielded so far; where it
    yields None it is asked again after the next step (a limit on what is in flight). It ends when nothing
    can move any more: a static batch that never fills up stays in the queue.
    """
    source = iter(arrivals)
    coming = next(source, None)
    now = 0.0

    def submit_until(time: float) -> None:
        nonlocal coming
        while coming is not None and coming[0] <= time:
            engine.submit(coming[1], coming[0])
            coming = next(source, None)

    while True:
        submit_until(now)
        ends = engine.begin(now)
        if ends is not None:
            submit_until(ends)
            yield engine.end()
            now = ends
            coming = coming or next(source, None)
            continue
        times = [time for time in (engine.wakes_at(), coming[0] if coming else None) if time is not None]
        if not times:
            return
        now = max(now, min(times))
