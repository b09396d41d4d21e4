"""status.slo: whose figures are shown, and when they move."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from paceline.decide.front import NOWHERE, Front, Met
from paceline.decide.observation import LatencyView
from paceline.decide.slo_status import attainment, slo
from tests.support.models import NOW, histogram

URL = "http://public-gateway.ml.svc:8080/v1"
TIMES = {"p50": 120.4, "p95": 310.0, "p99": 444.4}


def front(good: int = 995, eligible: int = 1000, scale: float = 1.0, seconds: float = 0.0, **more: Any) -> Front:
    times = {name: value * scale for name, value in TIMES.items()}
    met = Met(NOW + timedelta(seconds=seconds), eligible, good, times, {name: v / 10 for name, v in times.items()})
    return Front(**{"url": URL, "met": met, **more})


def engines(seconds: float = 0.0) -> LatencyView:
    made = histogram((0.2, 50))
    return LatencyView(NOW + timedelta(seconds=seconds), made, made)


def shown(before: Any, seen: Front, seconds: float = 0.0, **more: Any) -> Any:
    known = {"latency": None, "objective": True, "turned": False, **more}
    return slo(before, seen, now=NOW + timedelta(seconds=seconds), **known)


def test_once_a_gateway_serves_the_model_the_figures_are_those_of_its_users() -> None:
    assert shown(None, front(), latency=engines()) == {
        "observedTime": "2026-11-24T12:00:00Z",
        "source": "Gateway",
        "requests": 1000,
        "attainmentPercent": "99.50",
        "ttftMilliseconds": {"p50": "120", "p95": "310", "p99": "440"},
        "tpotMilliseconds": {"p50": "12", "p95": "31", "p99": "44"},
    }


def test_a_share_without_an_objective_is_not_shown() -> None:
    assert "attainmentPercent" not in shown(None, front(), objective=False)


@pytest.mark.parametrize(
    ("good", "eligible", "text"),
    [(9958, 10_000, "99.58"), (989_999, 1_000_000, "98.99"), (1, 1, "100.00"), (0, 7, "0.00"), (2, 3, "66.66")],
)
def test_a_share_is_rounded_down(good: int, eligible: int, text: str) -> None:
    assert attainment(Met(NOW, eligible, good)) == text


def test_the_source_changes_at_once_in_both_directions() -> None:
    first = shown(None, NOWHERE, latency=engines())
    assert first["source"] == "Engine"
    second = shown(first, front(seconds=1), 1, latency=engines(1))
    assert second["source"] == "Gateway"
    assert shown(second, NOWHERE, 2, latency=engines(2))["source"] == "Engine"
    assert shown(second, NOWHERE, 2) is None, "nobody counts any more, and what was counted is not the engines'"


@pytest.mark.parametrize(
    ("seconds", "good", "scale", "moves"),
    [
        (59, 500, 2.0, False),
        (60, 995, 1.0, False),
        (60, 995, 1.04, False),
        (60, 995, 1.2, True),
        (60, 995, 0.8, True),
        (60, 994, 1.0, False),
        (60, 993, 1.0, True),
        (60, 997, 1.0, True),
    ],
)
def test_figures_move_after_a_minute_and_by_more_than_a_tenth(
    seconds: int, good: int, scale: float, moves: bool
) -> None:
    first = shown(None, front())
    again = shown(first, front(good, scale=scale, seconds=seconds), seconds)
    assert (again != first) is moves


def test_another_verdict_brings_its_figures_along() -> None:
    first = shown(None, front())
    assert shown(first, front(989, seconds=10), 10, turned=True)["attainmentPercent"] == "98.90"


@pytest.mark.parametrize("seen", [Front(url=URL), Front(url=URL, lost=True), front(0, 0), Front(known=False)])
def test_the_last_figures_stay_where_there_are_no_newer_ones(seen: Front) -> None:
    first = shown(None, front())
    assert shown(first, seen, 7200, latency=engines()) == first


def test_figures_of_engines_stay_until_the_first_request_of_a_user() -> None:
    first = shown(None, NOWHERE, latency=engines())
    assert shown(first, Front(url=URL), 10, latency=engines(10)) == first


def test_a_share_that_cannot_be_read_is_shown_anew() -> None:
    first = {**shown(None, front()), "attainmentPercent": "most"}
    assert shown(first, front(seconds=60), 60)["attainmentPercent"] == "99.50"
    only = {name: value for name, value in shown(None, front()).items() if name != "tpotMilliseconds"}
    assert "tpotMilliseconds" in shown(only, front(seconds=60), 60)


def test_without_a_stream_there_are_no_percentiles() -> None:
    seen = Front(url=URL, met=Met(NOW, 5, 5))
    assert set(shown(None, seen)) == {"observedTime", "source", "requests", "attainmentPercent"}
