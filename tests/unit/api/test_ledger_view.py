"""The ledger's view of a Gateway: written and read again, refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from paceline.api.ledger_view import LedgerView, parse, write
from paceline.decide import pricing
from tests.support.consumers import budget, consumer
from tests.support.gateways import gateway, route
from tests.support.translating import made, seen

PRICE = {"name": "p", "model": "chat", "inputPerMillion": "2.50", "outputPerMillion": 10}


def view() -> LedgerView:
    calling = consumer(
        {"team": "support", "budgets": [budget(), budget("day", mode="Hard")], "limits": {"maxConcurrentRequests": 3}}
    )
    return made(seen(gateway({"routes": [route()], "prices": [PRICE]}), consumers=(calling,))).view


def document(*path: str | int, value: Any) -> bytes:
    """A usual document with one value changed."""
    found = json.loads(write(view()))
    place = found
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return json.dumps(found).encode()


def test_a_view_is_read_as_it_was_written():
    assert parse(write(view())) == view()
    assert json.loads(write(view()))["callers"][0]["maxConcurrentRequests"] == 3


def test_equal_views_are_equal_bytes():
    assert write(view()) == write(view())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("gateway",), None),
        (("more",), 1),
        (("callers", 0, "priority"), 10),
        (("callers", 0, "priority"), "5"),
        (("callers", 0, "suspended"), 0),
        (("callers", 0, "budgets", 0, "amountMicros"), -1),
        (("callers", 0, "budgets", 0, "amountMicros"), 1.5),
        (("callers", 0, "budgets", 0, "period"), "Year"),
        (("callers", 0, "budgets", 0, "mode"), "Free"),
        (("callers", 0, "clients", 0), "a\nb"),
        (("callers", 0, "maxConcurrentRequests"), 2**31),
        (("prices", 0, "inputMicros"), 1_000_000 * 1_000_000 + 1),
        (("prices", 0, "effectiveUs"), 2**53 + 1),
        (("routes", 0, "attempts"), 0),
        (("routes", 0, "backends", 0, "contextTokens"), 0),
        (("routes", 0, "timeoutSeconds"), 86_401),
    ],
)
def test_what_is_no_view_is_refused_with_its_field(path, value):
    with pytest.raises(ValueError, match=r"^view\."):
        parse(document(*path, value=value))


def test_what_is_no_json_is_refused():
    with pytest.raises(ValueError, match=r"^view"):
        parse(b"{")


def test_the_dearest_price_is_the_one_that_costs_are_reckoned_with():
    dearest = parse(document("prices", 0, "inputMicros", value=pricing.MOST)).prices[0].input_micros
    assert pricing.Price("p", "chat", dearest, 0, 0).input == pricing.MOST
