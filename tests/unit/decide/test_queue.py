"""Waiting for an engine: never more in flight than there is room for, in priority's order, evenly, exactly in time."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.decide.queue import MOST_RETRY_SECONDS, RETRY_SECONDS, Queue, Ticket

SECOND = 1_000_000


def ticket(number, consumer="a", priority=5, deadline=100 * SECOND, hold=1000 * SECOND, most_waiting=1000):
    return Ticket(str(number), consumer, priority, deadline, hold, most_waiting)


def told(decisions):
    return [(each.request_id, each.outcome) for each in decisions]


def admitted(decisions):
    return [each.request_id for each in decisions if each.outcome == "Admitted"]


def drained(queue, now=0):
    """Everybody who waits, in the order in which places that come free one after another go to them."""
    order, held = [], list(queue._holds)
    while held:
        got = admitted(queue.release(held.pop(0), now))
        order += got
        held += got
    return order


def test_with_room_a_request_goes_on_at_once():
    queue = Queue(2)
    assert told(queue.arrive(ticket(1), 0)) == [("1", "Admitted")]
    assert told(queue.arrive(ticket(2), 0)) == [("2", "Admitted")]
    assert queue.arrive(ticket(3), 0) == []
    assert (queue.in_flight, queue.waiting) == (2, 1)


def test_a_request_that_is_here_already_changes_nothing():
    queue = Queue(1)
    queue.arrive(ticket(1), 0)
    queue.arrive(ticket(2), 0)
    assert queue.arrive(ticket(1), 0) == queue.arrive(ticket(2), 0) == []
    assert (queue.in_flight, queue.waiting) == (1, 1)
    assert [queue.holds(each) for each in "123"] == [True, False, False]
    assert [queue.knows(each) for each in "123"] == [True, True, False]


def test_a_place_that_comes_free_goes_to_who_waits():
    queue = Queue(1)
    queue.arrive(ticket(1), 0)
    queue.arrive(ticket(2), 0)
    assert told(queue.release("1", 0)) == [("2", "Admitted")]


def test_who_leaves_while_waiting_is_not_admitted():
    queue = Queue(1)
    for number in (1, 2, 3):
        queue.arrive(ticket(number), 0)
    assert queue.release("2", 0) == []
    assert told(queue.release("1", 0)) == [("3", "Admitted")]


def test_a_lower_priority_number_goes_first_whenever_it_came():
    queue = Queue(1)
    queue.arrive(ticket(0), 0)
    for number, priority in ((1, 5), (2, 9), (3, 0), (4, 5), (5, 0)):
        queue.arrive(ticket(number, consumer=f"c{number}", priority=priority), 0)
    assert drained(queue) == ["3", "5", "1", "4", "2"]


def test_within_a_priority_consumers_take_turns_however_many_requests_each_has():
    queue = Queue(1)
    queue.arrive(ticket(0, "a"), 0)
    for number in range(1, 5):
        queue.arrive(ticket(f"a{number}", "a"), 0)
    for number in range(1, 3):
        queue.arrive(ticket(f"b{number}", "b"), 0)
    queue.arrive(ticket("c1", "c"), 0)
    assert drained(queue) == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


def test_who_holds_fewer_places_goes_first():
    queue = Queue(3)
    for number, consumer in enumerate("aab"):
        queue.arrive(ticket(f"{consumer}{number}", consumer), 0)
    queue.arrive(ticket("a-waits", "a"), 0)
    queue.arrive(ticket("b-waits", "b"), 0)
    assert admitted(queue.release("a0", 0)) == ["a-waits"]
    queue.arrive(ticket("a-too", "a"), 0)
    assert admitted(queue.release("a1", 0)) == ["b-waits"]


def test_newcomers_do_not_go_before_those_that_wait_already():
    """However many consumers come anew, who had a turn before is not put off by them."""
    queue = Queue(1)
    queue.arrive(ticket("a1", "a"), 0)
    queue.arrive(ticket("a2", "a"), 0)
    holder = "a1"
    for number in range(5):
        queue.arrive(ticket(f"n{number}", f"new-{number}"), 0)
        (holder,) = admitted(queue.release(holder, 0))
        if holder == "a2":
            break
    assert holder == "a2"
    assert number == 0


@pytest.mark.parametrize("now", [100 * SECOND, 100 * SECOND + 1])
def test_who_has_waited_until_the_deadline_is_refused_even_if_there_is_room_just_now(now):
    queue = Queue(1)
    queue.arrive(ticket(1), 0)
    queue.arrive(ticket(2), 0)
    assert queue.next_us == 100 * SECOND
    assert told(queue.release("1", now)) == [("2", "WaitedTooLong")]


def test_one_microsecond_before_the_deadline_it_is_admitted():
    queue = Queue(1)
    queue.arrive(ticket(1), 0)
    queue.arrive(ticket(2), 0)
    assert queue.tick(100 * SECOND - 1) == []
    assert told(queue.release("1", 100 * SECOND - 1)) == [("2", "Admitted")]


def test_where_nobody_may_wait_a_full_deployment_refuses_at_once():
    queue = Queue(1)
    assert told(queue.arrive(ticket(1, deadline=0), 0)) == [("1", "Admitted")]
    assert told(queue.arrive(ticket(2, deadline=0), 0)) == [("2", "WaitedTooLong")]


def test_a_model_at_zero_holds_requests_until_it_has_engines():
    queue = Queue(0)
    assert queue.arrive(ticket(1), 0) == queue.arrive(ticket(2), 0) == []
    assert told(queue.resize(1, 50 * SECOND)) == [("1", "Admitted")]
    assert told(queue.tick(100 * SECOND)) == [("2", "WaitedTooLong")]


def test_with_fewer_engines_nobody_is_stopped_and_nobody_admitted_until_there_is_room():
    queue = Queue(3)
    for number in range(4):
        queue.arrive(ticket(number), 0)
    assert queue.resize(1, 0) == queue.release("0", 0) == queue.release("1", 0) == []
    assert told(queue.release("2", 0)) == [("3", "Admitted")]


def test_a_release_that_is_lost_frees_its_place_in_the_end():
    queue = Queue(1)
    queue.arrive(ticket(1, hold=7 * SECOND), 0)
    queue.arrive(ticket(2), 0)
    assert queue.next_us == 7 * SECOND
    assert queue.tick(7 * SECOND - 1) == []
    assert told(queue.tick(7 * SECOND)) == [("2", "Admitted")]


def test_a_place_is_held_anew_by_who_comes_again():
    """What is left of the first stay neither ends the second one nor refuses it."""
    queue = Queue(1)
    for start in (0, 5):
        queue.arrive(ticket(1, hold=7 * SECOND, deadline=(start + 6) * SECOND), start * SECOND)
        if not start:
            queue.release("1", SECOND)
    queue.arrive(ticket(2, deadline=6 * SECOND), 5 * SECOND)
    queue.release("2", 5 * SECOND)
    queue.arrive(ticket(2), 5 * SECOND)
    assert queue.tick(7 * SECOND) == []
    assert told(queue.tick(12 * SECOND)) == [("2", "Admitted")]


def test_what_the_engines_have_beside_the_known_takes_places_until_it_is_over():
    queue = Queue(3)
    queue.arrive(ticket(1), 0)
    assert queue.measured(3, 0) == []
    assert queue.in_flight == 3
    queue.arrive(ticket(2), 0)
    assert told(queue.release("of somebody else", 0)) == [("2", "Admitted")]
    queue.arrive(ticket(3), 0)
    assert told(queue.measured(2, 0)) == [("3", "Admitted")]
    assert queue.release("nobody", 0) == []
    assert queue.in_flight == 3


def test_where_no_more_may_wait_the_newcomer_is_refused():
    queue = Queue(1)
    for number in (1, 2):
        queue.arrive(ticket(number), 0)
    assert told(queue.arrive(ticket(3, most_waiting=1), 0)) == [("3", "QueueFull")]
    assert told(queue.arrive(ticket(4, most_waiting=0), 0)) == [("4", "QueueFull")]


def test_where_no_one_waits_and_none_may_the_newcomer_is_refused():
    queue = Queue(0)
    assert told(queue.arrive(ticket(1, most_waiting=0), 0)) == [("1", "QueueFull")]


def test_an_urgent_newcomer_takes_the_place_of_the_last_one_that_waits():
    queue = Queue(0)
    for number in (1, 2):
        queue.arrive(ticket(number, priority=5), 0)
    assert told(queue.arrive(ticket(3, priority=6, most_waiting=2), 0)) == [("3", "QueueFull")]
    assert told(queue.arrive(ticket(4, priority=4, most_waiting=2), 0)) == [("2", "QueueFull")]
    assert told(queue.resize(2, 0)) == [("4", "Admitted"), ("1", "Admitted")]


def test_one_consumer_cannot_fill_the_waiting_room_for_all():
    queue = Queue(0)
    for number in range(4):
        queue.arrive(ticket(f"a{number}", "a", most_waiting=4), 0)
    assert told(queue.arrive(ticket("b0", "b", most_waiting=4), 0)) == [("a3", "QueueFull")]
    assert told(queue.arrive(ticket("b1", "b", most_waiting=4), 0)) == [("a2", "QueueFull")]
    assert told(queue.arrive(ticket("b2", "b", most_waiting=4), 0)) == [("b2", "QueueFull")]


def test_a_refused_request_is_told_when_those_before_it_will_be_through():
    """A place came free each 2 seconds; four wait, and it would be the fifth."""
    queue = Queue(1)
    queue.arrive(ticket(0), 0)
    for number in range(1, 9):
        queue.arrive(ticket(number), 0)
    for number in range(4):
        queue.release(str(number), 2 * (number + 1) * SECOND)
    (refused,) = queue.arrive(ticket("late", most_waiting=4), 10 * SECOND)
    assert (refused.outcome, refused.retry_seconds) == ("QueueFull", 10)
    urgent = queue.arrive(ticket("urgent", priority=0, most_waiting=0), 10 * SECOND)[0]
    assert urgent.request_id == "8"


def test_without_a_measure_and_at_the_most_the_time_to_try_again_is_bounded():
    queue = Queue(0)
    assert queue.arrive(ticket(1, most_waiting=0), 0)[0].retry_seconds == RETRY_SECONDS
    queue = Queue(2)
    queue.arrive(ticket(1), 0)
    queue.arrive(ticket(2), 0)
    queue.release("1", 0)
    queue.release("2", 0)
    queue.resize(0, 0)
    assert queue.arrive(ticket(3, most_waiting=0), 0)[0].retry_seconds == RETRY_SECONDS
    late = 10_000 * SECOND
    assert queue.arrive(ticket(4, most_waiting=0, deadline=2 * late), late)[0].retry_seconds == MOST_RETRY_SECONDS


def test_nothing_to_do_has_no_time():
    queue = Queue(1)
    assert queue.next_us is None
    queue.arrive(ticket(1), 0)
    queue.release("1", 0)
    assert queue.next_us is None


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("arrive"), st.integers(0, 40), st.sampled_from("abc"), st.integers(0, 2), st.integers(0, 20),
            st.integers(1, 30), st.integers(0, 6),
        ),
        st.tuples(st.just("release"), st.integers(0, 40)),
        st.tuples(st.just("resize"), st.integers(0, 4)),
        st.tuples(st.just("measured"), st.integers(0, 5)),
        st.tuples(st.just("later"), st.integers(0, 5)),
    ),
    max_size=80,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(steps)
def test_whatever_happens_room_order_and_deadlines_hold(happenings):
    queue, now, waiting, serial = Queue(2), 0, {}, 0
    for what, *details in happenings:
        before = queue.in_flight
        if what == "arrive":
            number, consumer, priority, patience, hold, most = details
            serial += 1
            name = f"{number}.{serial}"
            asked = Ticket(name, consumer, priority, now + patience, hold, most)
            waiting[name] = asked
            decisions = queue.arrive(asked, now)
        elif what == "release":
            name = next((each for each in queue._holds if each.startswith(f"{details[0]}.")), "unknown")
            decisions = queue.release(name, now)
        elif what == "resize":
            decisions = queue.resize(details[0], now)
        elif what == "measured":
            decisions = queue.measured(details[0], now)
        else:
            now += details[0]
            decisions = queue.tick(now)
        ended = Counter(each.request_id for each in decisions)
        assert not ended or max(ended.values()) == 1
        for each in decisions:
            asked = waiting.pop(each.request_id)
            if each.outcome == "Admitted":
                assert now < asked.deadline_us or asked.deadline_us == now
                better = [other for other in waiting.values() if other.priority < asked.priority]
                assert not [other for other in better if other.request_id not in ended], "a better one still waits"
            elif each.outcome == "WaitedTooLong":
                assert now >= asked.deadline_us
            assert each.outcome == "Admitted" or 1 <= each.retry_seconds <= MOST_RETRY_SECONDS
        assert all(asked.deadline_us > now for asked in waiting.values()), "overdue and not refused"
        assert queue.waiting == len(waiting)
        if admitted(decisions):
            assert queue.in_flight <= queue.capacity
        elif what not in {"measured"}:
            assert queue.in_flight <= max(before, queue.capacity)
        assert not waiting or queue.in_flight >= queue.capacity, "a place is free and somebody waits"
        assert (queue.next_us is None) <= (not waiting)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=60), st.integers(1, 4))
def test_no_consumer_waits_for_more_turns_than_there_are_consumers(arrivals, capacity):
    queue, holders = Queue(capacity), []
    for number in range(capacity):
        holders += admitted(queue.arrive(ticket(f"x{number}", "x"), 0))
    for number, consumer in enumerate(arrivals):
        queue.arrive(ticket(f"{consumer}{number}", consumer), 0)
    waited: Counter[str] = Counter()
    while holders:
        wanting = {next(iter(line.values())).consumer for line in queue._lines.get(5, {}).values()}
        got = admitted(queue.release(holders.pop(0), 0))
        holders += got
        for consumer in wanting:
            waited[consumer] = 0 if any(each.startswith(consumer) for each in got) else waited[consumer] + 1
            assert waited[consumer] <= len(set(arrivals))
