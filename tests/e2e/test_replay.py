"""Short form of the replay drill: real arrivals through Locust and raw sockets, each answer known to the engine."""

from __future__ import annotations

from tests.acceptance.replay import BOUNDS, Bound, compare, replay
from tests.support.product import Product


def test_every_request_of_a_real_trace_is_answered_and_known_to_the_engine(product: Product) -> None:
    problems, figures = replay(product, runs=1, duration=20)
    # How close the clocks agree is a figure of the full run; here the machine does other things.
    assert not [p for p in problems if "not answered" in p or "truth log" in p or "nothing" in p]
    assert figures["run 1 locust answered"] != "0/0"


def row(ttft: float, tpot: float, tokens: int = 11) -> dict[str, object]:
    last = 1.0 + ttft + tpot * (tokens - 1)
    times = {"intended": 1.0, "first": 1.0 + ttft, "last": last}
    return {"id": "a", **times, "output_tokens": tokens, "status": 200, "done": True, "error": ""}


def truth(ttft: float, tpot: float, tokens: int = 11) -> dict[str, dict[str, object]]:
    last = 5.0 + ttft + tpot * (tokens - 1)
    return {"a": {"arrival": 5.0, "first_token": 5.0 + ttft, "last_token": last, "output_tokens": tokens}}


def test_a_client_that_sees_more_than_the_bound_is_a_problem() -> None:
    assert compare([row(0.100, 0.010)], truth(0.100, 0.010))[0] == []
    problems, _ = compare([row(0.130, 0.0120)], truth(0.100, 0.010))
    assert [p.split(":")[0] for p in problems] == ["ttft p50", "ttft p95", "tpot p50", "tpot p95"]


def test_an_answer_without_its_end_or_unknown_to_the_engine_is_a_problem() -> None:
    assert "not answered" in compare([row(0.1, 0.01) | {"done": False}], truth(0.1, 0.01))[0][0]
    assert "truth log" in compare([row(0.1, 0.01)], {})[0][0]


def test_a_bound_is_the_larger_of_share_and_milliseconds() -> None:
    assert Bound(0.05, 10).holds(110, 100)
    assert not Bound(0.05, 10).holds(111, 100)
    assert Bound(0.05, 10).holds(1050, 1000)
    assert set(BOUNDS) == {(metric, q) for metric in ("ttft", "tpot") for q in ("p50", "p95")}
