"""Whom a gateway gives nothing, by what the operator and the ledger say, and by how long the ledger is silent."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.gateway.denied import Verdict, denied
from paceline.gateway.envoy import denials
from paceline.gateway.ir import Denied

ACME, OTHER, FREE = "external.ab.shop.acme", "external.cd.shop.other", "external.ab.shop.free"
GRACES = {ACME: 60, OTHER: 900}
SPENT = Verdict("shop/acme", "month", 2_000)


def reasons(*verdicts: Verdict, suspended: tuple[str, ...] = (), now_us: int = 1_000, **more: Any) -> dict[str, str]:
    return {each.client: each.reason for each in denied(suspended, GRACES, verdicts, now_us, **more)}


def test_a_spent_budget_is_named_with_the_end_of_its_period():
    assert denied((), GRACES, [SPENT], 1_000) == (Denied(ACME, "Budget", "month", 2_000),)


@pytest.mark.parametrize(("now_us", "found"), [(1_999, {ACME: "Budget"}), (2_000, {}), (9_999, {})])
def test_a_verdict_ends_with_its_period_whether_or_not_somebody_says_so(now_us, found):
    assert reasons(SPENT, now_us=now_us) == found


def test_one_without_an_end_holds_until_another_is_heard():
    assert reasons(Verdict("shop/acme"), now_us=2**60) == {ACME: "Budget"}


def test_a_verdict_follows_its_consumer_to_another_client_id():
    found = denied((), {"internal.ef.shop.acme": 60}, [SPENT], 1_000)
    assert [each.client for each in found] == ["internal.ef.shop.acme"]


def test_who_has_no_budget_any_more_is_not_held_to_it():
    assert reasons(Verdict("shop/free", "month", 2_000)) == {}


@pytest.mark.parametrize(
    ("silent", "found"),
    [(None, {}), (0.0, {}), (59.9, {}), (60.0, {ACME: "Unasked"}), (900.0, {ACME: "Unasked", OTHER: "Unasked"})],
)
def test_silence_is_borne_for_as_long_as_each_says(silent, found):
    assert reasons(silent_seconds=silent) == found


def test_without_any_grace_silence_is_not_borne_at_all():
    assert [each.reason for each in denied((), {ACME: 0}, (), 0, 0.0)] == ["Unasked"]


def test_suspension_goes_before_the_rest_and_needs_no_ledger():
    assert reasons(SPENT, suspended=(ACME, FREE), silent_seconds=1e6) == {
        ACME: "Suspended",
        FREE: "Suspended",
        OTHER: "Unasked",
    }


def test_the_last_verdict_says_more_than_silence():
    assert reasons(SPENT, silent_seconds=1e6)[ACME] == "Budget"


def test_they_come_in_order_and_the_file_is_the_proxy_s():
    found = denied((OTHER, ACME), {}, (), 0)
    assert [each.client for each in found] == [ACME, OTHER]
    assert denials(found).startswith('{"resources": [{"@type": "type.googleapis.com/envoy.config.core.v3')
    assert "matcher" not in denials(())
