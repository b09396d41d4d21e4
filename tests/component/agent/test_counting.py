"""Requests that Envoy has counted and that left no record are found, and no others."""

from __future__ import annotations

import pytest

from paceline.agent.counting import Counting, Tally, began_us

S = 1_000_000


def counting(total: int = 10, active: int = 0, recorded: int = 10, at: int = 100) -> Counting:
    """An Envoy that began at second 90; ten requests before the look at second 100."""
    found = Counting()
    found.began(90)
    for _ in range(recorded):
        found.recorded(95 * S)
    found.look(total, active, at * S)
    return found


def settled(found: Counting, total: int, active: int = 0, at: int = 106) -> int:
    found.look(total, active, at * S)
    return found.settled(at * S)


def test_where_each_has_a_record_nothing_is_missing():
    assert settled(counting(), 10) == 0


def test_what_has_none_after_a_while_is_missing_and_is_told_once():
    found = counting(recorded=7)
    assert found.settled(104 * S) == 0, "it may still be in Envoy's memory"
    assert settled(found, 10) == 3
    assert settled(found, 10, at=120) == 0
    assert settled(found, 12, at=140) == 0, "two have just begun"
    assert settled(found, 12, at=160) == 0
    assert settled(found, 12, at=180) == 2


def test_a_record_that_comes_late_counts():
    found = counting(recorded=9)
    found.recorded(99 * S)
    assert settled(found, 10) == 0


def test_a_later_request_stands_for_no_earlier_one():
    found = counting(recorded=9)
    found.recorded(101 * S)
    assert settled(found, 11) == 1


def test_requests_that_go_on_are_not_missing():
    assert settled(counting(active=2, recorded=8), 10, active=2) == 0


def test_of_a_killed_envoy_those_are_missing_that_began_before_the_last_look():
    found = counting(active=4, recorded=6)
    found.began(101)
    for started in (96, 97, 102):  # two were interrupted; the third is of the new one
        found.recorded(started * S)
    found.look(1, 0, 103 * S)
    assert found.ended() == 2
    assert found.ended() == 0
    assert settled(found, 1, at=110) == 0


def test_a_request_between_the_last_look_and_the_kill_is_nobody_s_fault():
    found = counting()
    found.recorded(100 * S + 1)
    found.began(101)
    found.look(0, 0, 102 * S)
    assert found.ended() == settled(found, 0, at=110) == 0


def test_counters_that_fall_are_those_of_another_envoy():
    assert counting().another(9)
    assert not counting().another(10)
    assert not Counting().another(0)


def test_a_new_agent_goes_on_from_what_it_had_kept():
    found = Counting(Tally(90, requests=10))
    found.look(12, 0, 100 * S)
    assert settled(found, 12) == 2


def test_a_log_that_is_read_again_says_nothing_of_the_envoy_that_wrote_it():
    found = counting(recorded=3)
    found.anew()
    found.look(10, 0, 100 * S)
    assert settled(found, 10) == 0
    found.began(120)
    found.look(5, 0, 130 * S)
    assert settled(found, 5, at=140) == 5


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"id":null,"type":"DownstreamEnd","started":"12.000034"}', 12_000_034),
        (b'{"id":null,"type":"UpstreamEnd","started":"12.000034"}', None),
        (b'{"id":"x","type":"DownstreamEnd","started":"12.000034"}', None),
        (b'{"id":null,"type":"DownstreamEnd"', None),
    ],
)
def test_a_request_without_an_id_has_no_record_and_is_not_missing(line, found):
    assert began_us(line) == found
