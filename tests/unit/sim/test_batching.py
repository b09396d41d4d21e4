import pytest

from paceline.sim.batching import Batching, Mode
from tests.support.engine import dynamic, static


def test_a_full_batch_departs_at_once_in_either_mode():
    assert dynamic(4, 10).departs(4, 4, oldest_ready=0, now=0)
    assert static(4).departs(4, 4, oldest_ready=0, now=0)


def test_a_dynamic_batch_departs_when_its_oldest_waited_for_the_window():
    assert not dynamic(4, 10).departs(1, 4, oldest_ready=5, now=14.9)
    assert dynamic(4, 10).departs(1, 4, oldest_ready=5, now=15)
    assert dynamic(4, 10).departure(5) == 15


def test_a_static_batch_never_departs_with_an_empty_seat():
    assert not static(4).departs(3, 4, oldest_ready=0, now=10**9)
    assert static(4).departure(0) is None


def test_nobody_waiting_is_no_batch():
    assert not dynamic(4, 0).departs(0, 4, oldest_ready=0, now=10)


@pytest.mark.parametrize(("size", "window", "word"), [(-1, 0, "size is -1"), (1, -2.5, "window is -2.5 s")])
def test_impossible_rules_are_refused_with_their_value(size, window, word):
    with pytest.raises(ValueError, match=word):
        Batching(Mode.DYNAMIC, size, window)
