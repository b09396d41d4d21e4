"""The window of the live figures."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paceline.decide.latency import Scrape, latency, read, remember
from paceline.engines.metrics import VLLM
from tests.support.models import NOW, histogram


def scrape(seconds, count, pod="p", **fields):
    """A reading after `seconds`, when `count` requests had been answered in 0.1 s each."""
    made = histogram((0.05, 0), (0.1, count))
    return Scrape(**{"pod": pod, "time": NOW + timedelta(seconds=seconds), "ttft": made, "tpot": made} | fields)


def requests(*readings, pods=("p",)):
    memory = {}
    for reading in readings:
        memory = remember(memory, [reading], pods)
    view = latency(memory)
    return view.requests if view else None


def test_a_page_is_read_into_two_histograms():
    page = "\n".join(
        f'{name}_bucket{{le="{le}"}} {n}' for name in (VLLM.ttft, VLLM.tpot) for le, n in ((0.1, 1), ("+Inf", 2))
    )
    reading = read("p", NOW, page, VLLM)
    assert reading.ttft == reading.tpot
    assert reading.ttft is not None
    assert reading.ttft.count == 2


def test_a_page_without_figures_gives_none():
    assert read("p", NOW, "", VLLM) == Scrape("p", NOW, None, None)


def test_without_readings_there_are_no_figures():
    assert latency({}) is None


def test_what_was_counted_before_the_first_reading_is_not_shown():
    assert requests(scrape(0, 1000)) is None
    assert requests(scrape(0, 1000), scrape(10, 1003)) == 3


def test_an_idle_engine_has_no_figures():
    assert requests(scrape(0, 5), scrape(10, 5)) is None


def test_the_window_moves_and_covers_one_to_two_minutes():
    readings = [scrape(10 * step, 10 * step) for step in range(100)]
    assert 60 <= requests(*readings) <= 120


def test_a_restarted_engine_begins_a_new_window():
    assert requests(scrape(0, 500), scrape(10, 510), scrape(20, 2)) is None
    assert requests(scrape(0, 500), scrape(10, 510), scrape(20, 2), scrape(30, 600)) == 598


def test_engines_are_added_up():
    memory = remember({}, [scrape(0, 0, "a"), scrape(0, 0, "b")], ["a", "b"])
    memory = remember(memory, [scrape(10, 2, "a"), scrape(12, 3, "b")], ["a", "b"])
    view = latency(memory)
    assert view is not None
    assert view.requests == 5
    assert view.time == NOW + timedelta(seconds=12)


def test_engines_that_are_gone_are_forgotten():
    memory = remember({}, [scrape(0, 0, "a"), scrape(0, 0, "b")], ["a", "b"])
    assert set(remember(memory, [], ["b"])) == {"b"}


@pytest.mark.parametrize("missing", ["ttft", "tpot"])
def test_an_engine_may_lack_a_figure(missing):
    memory = remember({}, [scrape(0, 0, **{missing: None})], ["p"])
    view = latency(remember(memory, [scrape(10, 4, **{missing: None})], ["p"]))
    assert (view is None) == (missing == "ttft")
    assert view is None or view.tpot is None


def test_a_figure_that_an_engine_shows_only_later_counts_from_its_beginning():
    memory = remember({}, [scrape(0, 0, ttft=None)], ["p"])
    view = latency(remember(memory, [scrape(10, 4)], ["p"]))
    assert view is not None
    assert view.requests == 4
