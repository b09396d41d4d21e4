"""Trying again, and ending."""

from __future__ import annotations

import pytest

from paceline.errors import Stalled
from paceline.fetch.patience import ATTEMPTS, Patience, Stop
from paceline.fetch.reasons import REASONS, Interrupted, Unreachable, cause, failure, invalid
from paceline.fetch.workers import each


class Clock(Stop):
    """Notes pauses instead of making them."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.check()


def failing(patience: Patience, error: Unreachable) -> int:
    """Fails for ever; the number of calls."""
    calls = 0

    def fail() -> None:
        nonlocal calls
        calls += 1
        raise error

    with pytest.raises(Unreachable):
        patience.run(fail)
    return calls


def test_pauses_grow_and_attempts_end() -> None:
    clock = Clock()
    assert failing(Patience(clock, chance=lambda: 0.5), Unreachable("x")) == ATTEMPTS
    assert clock.pauses == [1, 2, 4, 8, 16]


def test_a_source_may_ask_for_a_pause_but_not_for_an_hour() -> None:
    clock = Clock()
    failing(Patience(clock, chance=lambda: 0.5), Unreachable("x", retry_after=7))
    assert clock.pauses == [7, 7, 7, 8, 16]
    clock = Clock()
    failing(Patience(clock), Unreachable("x", retry_after=3600))
    assert set(clock.pauses) == {60}


def test_pauses_differ_from_pod_to_pod() -> None:
    early, late = Clock(), Clock()
    failing(Patience(early, chance=lambda: 0.0), Unreachable("x"))
    failing(Patience(late, chance=lambda: 1.0), Unreachable("x"))
    assert early.pauses[0] == 0.5
    assert late.pauses[0] == 1.5


def test_what_does_not_pass_is_not_tried_again() -> None:
    calls = []

    def fail() -> None:
        calls.append(1)
        raise invalid("x")

    with pytest.raises(Stalled):
        Patience(Clock()).run(fail)
    assert calls == [1]


def test_progress_starts_the_count_anew() -> None:
    patience = Patience(Clock())
    for _ in range(ATTEMPTS * 3):
        patience.failed(Unreachable("x"))
        patience.progressed()
    for _ in range(ATTEMPTS - 1):
        patience.failed(Unreachable("x"))
    with pytest.raises(Unreachable):
        patience.failed(Unreachable("x"))


def test_the_end_cuts_a_pause_short() -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Interrupted):
        stop.wait(3600)
    with pytest.raises(Interrupted):
        Patience(stop).run(lambda: pytest.fail("it was called"))


def test_the_first_failure_ends_all_workers() -> None:
    stop = Stop()

    def work(number: int) -> None:
        if number == 0:
            raise invalid("the first")
        while True:
            stop.wait(0.01)

    with pytest.raises(Stalled, match="the first"):
        each(work, range(20), 2, stop)
    with pytest.raises(Interrupted):
        stop.check()


def test_results_keep_their_order() -> None:
    assert each(lambda number: number * 2, range(50), 8, Stop()) == [number * 2 for number in range(50)]


def test_our_own_error_is_found_inside_a_librarys() -> None:
    foreign = OSError("foreign")
    assert cause(foreign) is None
    foreign.__cause__ = invalid("own")
    assert failure(foreign).message == "own"
    around = OSError("around")
    around.__context__ = foreign
    assert failure(around).message == "own"
    loop = OSError("loop")
    loop.__cause__ = loop
    assert cause(loop) is None


def test_an_unknown_error_is_told_by_its_type_and_place_alone() -> None:
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("a secret in the text")
    said = failure(caught.value)
    assert (said.reason, said.retry) == ("Unexpected", True)
    assert "RuntimeError at test_patience.py:" in said.message
    assert "an unknown place" in failure(RuntimeError()).message
    assert "secret" not in said.message
    assert failure(Stalled("NotOfTheList", "x")).reason == "Unexpected"
    assert failure(Interrupted()).reason == "Interrupted"
    assert REASONS["Interrupted"]
