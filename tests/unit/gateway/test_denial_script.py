"""What a refusal by the deny list says of the budget; the handle's clock stands at 1000.5 seconds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import lua

BODY = b'{"error":{"code":"insufficient_quota","message":"The budget of this key is used up."}}'


def refused(shadow: Any = "1060 month", rule: str = "budget", status: str = "429", **more: Any) -> lua.Seen:
    names = {"enforced_effective_policy_id": rule} | ({"shadow_effective_policy_id": shadow} if shadow else {})
    dynamic = more.pop("dynamic", {"envoy.filters.http.rbac": names})
    return lua.request().run("envoy_on_response", {":status": status}, more.pop("body", BODY), dynamic=dynamic)


def test_it_names_the_budget_and_when_to_come_back():
    found = refused()
    assert json.loads(found.body)["error"]["message"] == 'The budget "month" of this key is used up.'
    assert found.headers["retry-after"] == "60"
    assert found.headers["content-length"] == str(len(found.body))


def test_a_period_that_has_just_ended_is_waited_for_a_second():
    assert refused("900 month").headers["retry-after"] == "1"


def test_a_budget_without_a_name_has_its_end_all_the_same():
    found = refused("1060 ")
    assert (found.body, found.headers["retry-after"]) == (BODY, "60")


@pytest.mark.parametrize("shadow", [None, "allowed", "x month", '1060 a"b'])
def test_where_nothing_is_known_nothing_is_added(shadow: Any) -> None:
    found = refused(shadow)
    assert (found.body, found.headers) == (BODY, {":status": "429"})


@pytest.mark.parametrize(
    "more", [{"rule": "suspended"}, {"rule": "allowed"}, {"dynamic": {}}, {"status": "503"}, {"status": "403"}]
)
def test_other_answers_are_left_as_they_are(more: dict[str, Any]) -> None:
    found = refused(**more)
    assert (found.body, found.logged) == (BODY, None)
    assert "retry-after" not in found.headers


def test_a_text_of_somebody_else_is_left_as_it_is():
    found = refused(body=b"{}")
    assert (found.body, found.headers["retry-after"]) == (b"{}", "60")
