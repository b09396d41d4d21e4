"""Days, weeks and months of time zones, on the time line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.decide.period import SECOND, Span, instant, span

ZONES = sorted(available_timezones() - {"Factory", "localtime"})
QUARTER_US = 15 * 60 * SECOND


@cache
def zone(name):
    return ZoneInfo(name)


def us(text):
    """Microseconds since 1970 of a time with its offset."""
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def shown(period, name, text):
    """The period's start and end, as the zone's clocks show them."""
    found = span(period, zone(name), us(text))
    return tuple(instant(edge).astimezone(zone(name)).isoformat() for edge in (found.start_us, found.end_us))


@pytest.mark.parametrize(
    ("period", "name", "time", "start", "end"),
    [
        ("Day", "UTC", "2026-10-05T13:00+00:00", "2026-10-05T00:00:00+00:00", "2026-10-06T00:00:00+00:00"),
        ("Week", "UTC", "2026-10-05T00:00+00:00", "2026-10-05T00:00:00+00:00", "2026-10-12T00:00:00+00:00"),
        ("Week", "UTC", "2026-10-04T23:59+00:00", "2026-09-28T00:00:00+00:00", "2026-10-05T00:00:00+00:00"),
        ("Month", "UTC", "2026-12-31T23:59+00:00", "2026-12-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        ("Month", "UTC", "2028-02-29T12:00+00:00", "2028-02-01T00:00:00+00:00", "2028-03-01T00:00:00+00:00"),
        ("Month", "Asia/Kathmandu", "2026-01-31T18:15+00:00", "2026-02-01T00:00:00+05:45", "2026-03-01T00:00:00+05:45"),
        ("Month", "Asia/Kathmandu", "2026-01-31T18:14+00:00", "2026-01-01T00:00:00+05:45", "2026-02-01T00:00:00+05:45"),
        # The month in which clocks change.
        ("Month", "Europe/Berlin", "2026-10-26T12:00+01:00", "2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00"),
        # Clocks that skip midnight: the day begins at one o'clock.
        ("Day", "Africa/Cairo", "2026-04-24T09:00+03:00", "2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"),
        # Clocks that show midnight twice: it begins at the first one.
        ("Day", "America/Havana", "2026-11-01T09:00-05:00", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"),
        # Half an hour around midnight was skipped: the day begins in the middle of its first hour.
        ("Day", "America/Caracas", "2016-05-01T12:00-04:00", "2016-05-01T00:00:00-04:30", "2016-05-02T00:00:00-04:00"),
        ("Day", "Asia/Pyongyang", "2018-05-05T12:00+09:00", "2018-05-05T00:00:00+09:00", "2018-05-06T00:00:00+09:00"),
    ],
)
def test_periods_begin_at_the_first_midnight_by_the_clocks_of_the_zone(period, name, time, start, end):
    assert shown(period, name, time) == (start, end)


@pytest.mark.parametrize(
    ("name", "time", "hours"),
    [
        ("Europe/Berlin", "2026-03-29T12:00+02:00", 23),
        ("Europe/Berlin", "2026-10-25T12:00+01:00", 25),
        ("Australia/Lord_Howe", "2026-04-05T12:00+10:30", 24.5),
        ("UTC", "2026-03-29T12:00+00:00", 24),
    ],
)
def test_a_day_on_which_clocks_change_has_its_real_length(name, time, hours):
    found = span("Day", zone(name), us(time))
    assert found.end_us - found.start_us == hours * 3600 * SECOND


def test_a_day_that_a_zone_skipped_is_no_period():
    """Samoa had no 30 December 2011."""
    before = span("Day", zone("Pacific/Apia"), us("2011-12-29T23:00-10:00"))
    after = span("Day", zone("Pacific/Apia"), us("2011-12-31T01:00+14:00"))
    assert before.end_us == after.start_us
    assert instant(after.start_us).astimezone(zone("Pacific/Apia")).isoformat() == "2011-12-31T00:00:00+14:00"


def test_clocks_that_go_back_over_midnight_do_not_bring_the_old_day_back():
    """Newfoundland set its clocks back at one minute past midnight, to 23:01 of the day before."""
    name = "America/St_Johns"
    again = us("2010-11-06T23:30-03:30")
    assert shown("Day", name, "2010-11-06T23:30-03:30")[0] == "2010-11-07T00:00:00-02:30"
    assert again in span("Day", zone(name), again)


def test_a_gap_that_hides_midnight_in_its_middle_ends_the_day_at_the_change():
    """Toronto's clocks of 1919 went from 23:30 to 00:30."""
    assert shown("Day", "America/Toronto", "1919-03-31T12:00-04:00")[0] == "1919-03-31T00:30:00-04:00"


def test_a_span_holds_its_start_and_not_its_end():
    assert [time in Span(10, 20) for time in (9, 10, 19, 20)] == [False, True, True, False]


times = st.integers(us("1990-01-01T00:00+00:00"), us("2060-01-01T00:00+00:00"))
periods = st.sampled_from(["Day", "Week", "Month"])


@given(periods, st.sampled_from(ZONES), times)
def test_every_instant_lies_in_its_period_and_all_of_it_says_so(period, name, time_us):
    found = span(period, zone(name), time_us)
    assert time_us in found
    for inside in (found.start_us, (found.start_us + found.end_us) // 2, found.end_us - 1):
        assert span(period, zone(name), inside) == found


@given(periods, st.sampled_from(ZONES), times)
def test_a_period_begins_where_the_one_before_ends(period, name, time_us):
    found = span(period, zone(name), time_us)
    assert span(period, zone(name), found.start_us - 1).end_us == found.start_us
    assert span(period, zone(name), found.end_us).start_us == found.end_us


def months(name):
    """Starts of all months of a zone in these years."""
    edge, last = us("2000-01-10T00:00+00:00"), us("2039-12-20T00:00+00:00")
    while edge < last:
        found = span("Month", zone(name), edge)
        yield found.start_us
        edge = found.end_us


@pytest.mark.parametrize("letter", sorted({name[0] for name in ZONES}))
def test_months_of_every_zone_have_28_to_31_days_and_begin_at_a_quarter_of_an_hour(letter):
    """Spend is kept by quarters of an hour of UTC, so that a budget of any zone can be summed from it exactly."""
    for name in (each for each in ZONES if each[0] == letter):
        edges = list(months(name))
        assert len(edges) == 480, name
        assert not [edge for edge in edges if edge % QUARTER_US], name
        for start, end in pairwise(edges):
            days = (end - start) / SECOND / 86_400
            # Give or take a change of clocks, and of the side of the date line.
            assert 27 <= days <= 31.2, name
