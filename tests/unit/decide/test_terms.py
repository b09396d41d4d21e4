"""Prices and budgets as a Gateway's view says them."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import pytest

from paceline.decide.pricing import Tokens
from paceline.decide.terms import budgets, price_book
from tests.support.consumers import budget, consumer
from tests.support.gateways import gateway, route
from tests.support.translating import made, seen

YEAR_2026_US = 1_767_225_600_000_000


def price(name: str, cost: int, **fields: object) -> dict[str, object]:
    return {"name": name, "model": "chat", "inputPerMillion": cost, "outputPerMillion": cost, **fields}


def book(*prices: dict[str, object]):
    return price_book(made(seen(gateway({"routes": [route()], "prices": list(prices)}))).view)


def zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    if name == "Mars/Olympus":
        raise ValueError(name)
    return ZoneInfo(name)


def test_prices_hold_from_their_time_and_one_of_a_backend_goes_first():
    found = book(price("a", 1), price("b", 2, effectiveTime="2026-01-01T00:00:00Z"), price("c", 3, backend="main"))
    assert found.at("chat", "other", YEAR_2026_US - 1).name == "a"
    assert found.at("chat", "other", YEAR_2026_US).name == "b"
    assert found.at("chat", "main", YEAR_2026_US).name == "c"
    assert found.at("chat", "other", YEAR_2026_US).cost(Tokens(1_000_000, 0, 0)) == 2_000_000
    assert found.at("bot", "main", YEAR_2026_US) is None


def test_of_prices_from_one_time_the_one_whose_name_sorts_last_holds():
    assert book(price("z", 1), price("a", 2)).at("chat", "main", 0).name == "z"


def test_cached_tokens_cost_what_they_are_said_to_or_what_others_cost():
    assert book(price("a", 4)).at("chat", "main", 0).cached == 4_000_000
    assert book(price("a", 4, cachedInputPerMillion="0.5")).at("chat", "main", 0).cached == 500_000


def test_budgets_are_micro_units_in_their_own_zone():
    zoned = budget(timeZone="Europe/Berlin", amount="12.345678", mode="Hard")
    given = seen(consumers=(consumer({"budgets": [zoned]}),), zones=frozenset({"UTC", "Europe/Berlin"}))
    (found,) = budgets(made(given).view.callers[0], zone)
    assert (found.name, found.amount, found.period, str(found.zone), found.mode) == (
        "month",
        12_345_678,
        "Month",
        "Europe/Berlin",
        "Hard",
    )


def test_a_zone_that_there_is_not_is_told_by_the_translation_and_refused_by_whoever_looks_it_up():
    strange = budget(timeZone="Mars/Olympus")
    given = seen(consumers=(consumer({"budgets": [strange]}),))
    (found,) = budgets(made(given).view.callers[0], zone)
    assert found.zone is UTC
    known = seen(consumers=given.consumers, zones=frozenset({"Mars/Olympus"}))
    with pytest.raises(ValueError, match="Mars"):
        budgets(made(known).view.callers[0], zone)
