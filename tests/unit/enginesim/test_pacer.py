"""The pacer under a loop whose clock the test owns."""

import asyncio
import heapq
from itertools import count

import pytest

from paceline.enginesim.pacer import MAX_BEHIND, SLICE, Pacer
from tests.support.engine import engine, sequence


class Handle:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """Stands in for the event loop: time goes on to the next timer, plus how late timers are."""

    def __init__(self) -> None:
        self.now = 100.0
        self.late = 0.0
        self._timers: list[tuple[float, int, Handle, object, tuple[object, ...]]] = []
        self._number = count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: object, *arguments: object) -> Handle:
        handle = Handle()
        heapq.heappush(self._timers, (when, next(self._number), handle, call, arguments))
        return handle

    def call_soon(self, call: object, *arguments: object) -> Handle:
        return self.call_at(self.now, call, *arguments)

    def run(self, most: int = 1000) -> None:
        for _ in range(most):
            if not self._timers:
                return
            when, _, handle, call, arguments = heapq.heappop(self._timers)
            if not handle.cancelled:
                self.now = max(self.now, when + self.late)
                call(*arguments)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: made)
    return made


def test_many_tokens_are_handed_out_in_slices_and_the_next_step_waits_for_all_of_them(clock):
    made, told = engine(max_sequences=100, max_batched_tokens=1000, blocks=1000), []
    pacer = Pacer(made, 1.0, lambda tokens, late: told.append(f"step {tokens}"), lambda one: told.append(one.id))
    for number in range(SLICE + 8):
        pacer.submit(sequence(str(number), output=2), clock.now)
    while len(told) <= 1:
        clock.run(most=1)
    assert told == [f"step {8 * (SLICE + 8)}", *(str(number) for number in range(SLICE))]
    pacer.submit(sequence("late"), clock.now)
    assert made.steps == 1
    clock.run(most=1)
    assert len(told) == 1 + SLICE + 8
    assert made.steps == 2
    clock.run()
    assert told.count("late") == 4


def pace(clock: Clock, scale: float = 1.0, **changed: object) -> tuple[Pacer, list[tuple[float, float]]]:
    """Return a pacer and the list of (real time, lateness) of the steps it ended."""
    seen: list[tuple[float, float]] = []

    def on_step(tokens: int, late: float) -> None:
        seen.append((clock.now, late))

    return Pacer(engine(**changed), scale, on_step, lambda sequence: None), seen


def test_late_timers_do_not_add_up(clock):
    pacer, seen = pace(clock)
    clock.late = 0.004
    pacer.submit(sequence(prompt=10, output=100), clock.now)
    clock.run()
    assert seen[-1][0] == pytest.approx(100 + 100 * 0.011 + 0.004)
    assert all(late == pytest.approx(0.004) for _, late in seen)


def test_the_scale_shortens_every_wait(clock):
    pacer, seen = pace(clock, 0.1, step={"intake_ms": 20.0})
    pacer.submit(sequence(prompt=10, output=10), clock.now)
    clock.run()
    assert seen[-1][0] == pytest.approx(100 + 0.1 * (0.020 + 10 * 0.011))


def test_a_process_that_stood_still_goes_on_from_now_and_does_not_rush(clock):
    pacer, seen = pace(clock)
    pacer.submit(sequence(prompt=10, output=20), clock.now)
    clock.run(most=5)
    clock.now += 300
    clock.run()
    times = [time for time, _ in seen]
    assert pacer.slipped == pytest.approx(300, abs=0.1)
    assert times[-1] - times[5] == pytest.approx(14 * 0.011)


def test_a_short_delay_is_caught_up(clock):
    pacer, seen = pace(clock)
    pacer.submit(sequence(prompt=10, output=150), clock.now)
    clock.run(most=5)
    clock.now += MAX_BEHIND * 0.9
    clock.run()
    assert pacer.slipped == 0
    assert seen[-1][0] == pytest.approx(100 + 150 * 0.011)


def test_a_hang_stops_the_step_under_way_and_all_others(clock):
    pacer, seen = pace(clock)
    pacer.submit(sequence("a"), clock.now)
    clock.run(most=1)
    pacer.hung = True
    clock.run()
    pacer.submit(sequence("b"), clock.now)
    clock.run()
    assert seen == []


def test_a_hang_before_the_first_step_begins_none(clock):
    pacer, seen = pace(clock, step={"intake_ms": 5.0})
    pacer.submit(sequence("a"), clock.now)
    pacer.hung = True
    clock.run()
    assert seen == []


def test_an_aborted_sequence_leaves_nothing_to_do(clock):
    pacer, seen = pace(clock, step={"intake_ms": 5.0})
    one = sequence()
    pacer.submit(one, clock.now)
    pacer.abort(one)
    clock.run()
    assert seen == []


def test_a_closed_pacer_ends_no_step(clock):
    pacer, seen = pace(clock)
    pacer.close()
    pacer.submit(sequence(), clock.now)
    pacer.close()
    clock.run()
    assert seen == []
