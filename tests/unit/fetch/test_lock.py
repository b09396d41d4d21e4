"""One fetch at a time, by a file with signs of life."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from paceline.fetch.lock import Pace, held
from paceline.fetch.patience import Stop
from paceline.fetch.reasons import Interrupted
from tests.support.waiting import wait_until


class Waiter(Stop):
    """Moves a clock instead of waiting, and does something at each look."""

    def __init__(self, each: object = None) -> None:
        super().__init__()
        self.now = 0.0
        self.each = each

    def wait(self, seconds: float) -> None:
        self.now += seconds
        if callable(self.each):
            self.each(self.now)
        self.check()

    def clock(self) -> float:
        return self.now


PACE = Pace(sign=10, silent=60, look=2)


def test_a_free_lock_is_taken_and_given_back(tmp_path: Path) -> None:
    path, waiter = tmp_path / "lock", Waiter()
    with held(path, waiter, waiter.clock, lambda: False, PACE) as ours:
        assert ours
        assert path.exists()
    assert not path.exists()
    assert waiter.now == 0


def test_it_is_given_back_after_a_failure(tmp_path: Path) -> None:
    path, waiter = tmp_path / "lock", Waiter()
    with pytest.raises(KeyError), held(path, waiter, waiter.clock, lambda: False, PACE):
        raise KeyError
    assert not path.exists()


def test_a_silent_lock_is_taken_over_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    waiter = Waiter(lambda now: os.utime(path, (now, now)) if now <= 600 else None)
    with held(path, waiter, waiter.clock, lambda: False, PACE) as ours:
        assert ours
    assert 660 <= waiter.now <= 664, "a minute after the last sign of life"


def test_a_clock_of_another_machine_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    os.utime(path, (2**33, 2**33))
    waiter = Waiter()
    with held(path, waiter, waiter.clock, lambda: False, PACE) as ours:
        assert ours
    assert 60 <= waiter.now <= 64


def test_work_that_is_done_meanwhile_needs_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    waiter = Waiter()
    with held(path, waiter, waiter.clock, lambda: waiter.now >= 10, PACE) as ours:
        assert not ours
    assert path.exists(), "it is another's"


def test_a_lock_that_goes_away_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    waiter = Waiter(lambda now: path.unlink(missing_ok=True) if now >= 10 else None)
    with held(path, waiter, waiter.clock, lambda: False, PACE) as ours:
        assert ours
    assert waiter.now <= 12


def test_a_link_in_place_of_a_lock_makes_no_file(tmp_path: Path) -> None:
    path, victim = tmp_path / "lock", tmp_path / "victim"
    path.symlink_to(victim)
    waiter = Waiter()
    with held(path, waiter, waiter.clock, lambda: False, PACE) as ours:
        assert ours
        assert not victim.exists()


def test_who_is_asked_to_end_does_not_wait_on(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    waiter = Waiter(lambda _: waiter.set())
    with pytest.raises(Interrupted), held(path, waiter, waiter.clock, lambda: False, PACE):
        pytest.fail("it was taken")


def test_the_holder_gives_signs_of_life(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held(path, Stop(), lambda: 0.0, lambda: False, Pace(sign=0.01)):
        os.utime(path, (1, 1))
        wait_until(lambda: path.stat().st_mtime > 1000, 5, "a sign of life", 0.01)
        assert path.exists()
