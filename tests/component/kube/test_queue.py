import asyncio

import pytest

from paceline.kube.backoff import Backoff, spread
from paceline.kube.queue import KeyedQueue
from paceline.kube.rate import Ceiling
from tests.support.worlds import Clock, eventually, stays


def queue(first: float = 0.01) -> KeyedQueue[str]:
    return KeyedQueue(backoff=Backoff(first=first, most=0.04, share=0.0))


async def test_many_events_for_one_key_make_one_visit():
    keys = queue()
    for _ in range(5):
        keys.add("a")
    assert (await keys.get())[0] == "a"
    keys.done("a")
    assert len(keys) == 0


async def test_a_key_that_changes_while_it_is_held_is_visited_once_more_and_never_twice_at_once():
    keys = queue()
    keys.add("a")
    await keys.get()
    keys.add("a")
    keys.add("a")
    assert len(keys) == 0
    keys.done("a")
    assert (await keys.get())[0] == "a"
    keys.done("a")
    assert len(keys) == 0


async def test_keys_come_in_the_order_in_which_they_were_added():
    keys = queue()
    for key in "bac":
        keys.add(key)
    assert [(await keys.get())[0] for _ in "bac"] == ["b", "a", "c"]


async def test_a_failed_key_comes_back_later_each_time_and_at_once_after_a_success():
    keys = queue()
    loop, waits = asyncio.get_running_loop(), []
    keys.add("a")
    for _ in range(3):
        await keys.get()
        keys.done("a", failed=True)
        waits.append(round(keys._timers["a"].when() - loop.time(), 2))
        await eventually(lambda: len(keys) == 1)
    assert waits == [0.01, 0.02, 0.04]
    await keys.get()
    keys.done("a")
    keys.add("a")
    assert len(keys) == 1


async def test_news_about_a_failing_key_does_not_wait_for_a_long_back_off():
    keys: KeyedQueue[str] = KeyedQueue(backoff=Backoff(first=0.01, most=100, share=0.0))
    for _ in range(12):  # the next back-off alone would be 40 s
        keys._failures["a"] = keys._failures.get("a", 0) + 1
    keys.add("a")
    await keys.get()
    keys.add("a")
    keys.done("a", failed=True)
    await eventually(lambda: len(keys) == 1, 2)


async def test_retry_after_is_obeyed():
    keys = queue()
    keys.add("a")
    await keys.get()
    keys.done("a", failed=True, again_after=0.2)
    await stays(lambda: len(keys) == 0, 0.1)
    await eventually(lambda: len(keys) == 1, 1)


async def test_of_two_wishes_for_later_the_earlier_counts():
    keys = queue()
    keys.add_after("a", 30)
    keys.add_after("a", 0.01)
    keys.add_after("a", 60)
    await eventually(lambda: len(keys) == 1, 1)


async def test_an_event_cuts_a_delay_short():
    keys = queue()
    keys.add_after("a", 30)
    keys.add("a")
    assert len(keys) == 1
    await keys.get()
    keys.done("a", again_after=30)
    keys.forget("a")
    keys.forget("b")
    assert not keys._timers


async def test_a_closed_queue_lets_its_workers_go_and_takes_nothing():
    keys = queue()
    waiting = asyncio.create_task(keys.get())
    await asyncio.sleep(0)
    keys.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    keys.add("a")
    keys.add_after("a", 0)
    assert len(keys) == 0


async def test_idle_tells_when_no_worker_holds_a_key():
    keys = queue()
    assert keys.idle.is_set()
    keys.add("a")
    keys.add_after("b", 10)
    await keys.get()
    assert not keys.idle.is_set()
    keys.done("a")
    assert keys.idle.is_set()
    keys.clear()
    assert not keys._timers


async def test_a_queue_whose_front_waits_for_long_is_stuck():
    clock = Clock()
    keys: KeyedQueue[str] = KeyedQueue(clock=clock)
    assert not keys.stuck(0)
    keys.add("a")
    clock.forward(10)
    assert keys.stuck(9)
    assert not keys.stuck(11)


def test_delays_double_up_to_a_limit_and_are_spread():
    backoff = Backoff(first=1, most=10, share=0.5)
    assert [backoff.delay(n, lambda: 0.5) for n in (1, 2, 3, 4, 5, 100)] == [1, 2, 4, 8, 10, 10]
    assert backoff.delay(1, lambda: 0.0) == 0.5
    assert spread(10, 0.2, lambda: 1.0) == 12


def test_delays_for_kopf_never_end_and_begin_anew_each_time():
    backoff = Backoff(first=1, most=4, share=0.0)
    for _ in range(2):
        endless = iter(backoff)
        assert [next(endless) for _ in range(5)] == [1, 2, 4, 4, 4]
    assert not hasattr(backoff, "__len__"), "kopf would count the attempts and give up after them"


def test_a_burst_goes_through_and_the_rest_is_paced():
    clock = Clock()
    ceiling = Ceiling(qps=10, burst=3, clock=clock)
    clock.forward(10)
    assert [round(ceiling.reserve(), 3) for _ in range(5)] == [0, 0, 0, 0.1, 0.2]
    clock.forward(1)
    assert ceiling.reserve() == 0
    ceiling.set(1, 1)
    clock.forward(10)
    assert [round(ceiling.reserve(), 3) for _ in range(2)] == [0, 1]
