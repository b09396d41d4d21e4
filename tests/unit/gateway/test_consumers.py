"""Which Consumers a Gateway takes, and which of them are treated alike."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.api.affinity import LabelSelector
from paceline.gateway.consumers import callers, policy_of, unresolved
from paceline.gateway.selector import selects
from tests.support.consumers import budget, consumer
from tests.support.gateways import gateway
from tests.support.translating import made, reasons, seen

LABELS = {"tier": "product", "kubernetes.io/metadata.name": "sales"}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"matchLabels": {"tier": "product"}}, True),
        ({"matchLabels": {"tier": "inner"}}, False),
        ({"matchLabels": {"tier": "product", "more": "x"}}, False),
        ({}, False),
        (expression("tier", "Exists"), True),
        (expression("more", "Exists"), False),
        (expression("tier", "DoesNotExist"), False),
        (expression("more", "DoesNotExist"), True),
        (expression("tier", "In", "inner", "product"), True),
        (expression("more", "In", "product"), False),
        (expression("tier", "NotIn", "product"), False),
        (expression("more", "NotIn", "product"), True),
        ({"matchLabels": {"tier": "product"}} | expression("tier", "DoesNotExist"), False),
    ],
)
def test_labels_are_selected_as_kubernetes_does_and_an_empty_selector_selects_nothing(selector, expected):
    assert selects(LabelSelector.model_validate(selector), LABELS) is expected


def taken(allowed: dict[str, Any], labels: dict[str, dict[str, str]], namespace: str = "sales") -> bool:
    wanted = consumer({"gatewayRefs": [{"name": "public", "namespace": "models"}]}, namespace=namespace)
    found, findings = callers(seen(gateway({"allowedConsumers": allowed}), consumers=(wanted,), namespaces=labels))
    assert [each.reason for each in findings] == ([] if found else ["NotPermitted"])
    return bool(found)


ALL = {"type": "Selector", "selector": expression("kubernetes.io/metadata.name", "Exists")}
PRODUCT = {"type": "Selector", "selector": {"matchLabels": {"tier": "product"}}}
SALES = {"type": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "sales"}}}


def test_a_consumer_of_another_namespace_needs_the_consent_of_the_gateways_owner():
    assert not taken({"type": "SameNamespace"}, {"sales": {"tier": "product"}})
    assert taken(PRODUCT, {"sales": {"tier": "product"}})
    assert not taken(PRODUCT, {"sales": {"tier": "inner"}})
    assert taken(ALL, {})
    assert taken({"type": "SameNamespace"}, {}, namespace="models")
    assert taken(PRODUCT, {}, namespace="models")


def test_a_namespace_is_known_by_its_name_and_by_no_label_that_says_another():
    assert taken(SALES, {})
    assert not taken(SALES, {"hr": {"kubernetes.io/metadata.name": "sales"}}, namespace="hr")


def test_a_namespace_of_which_only_the_name_is_known_is_not_taken_for_what_it_lacks():
    without = {"type": "Selector", "selector": expression("tier", "DoesNotExist")}
    other = {"type": "Selector", "selector": expression("tier", "NotIn", "inner")}
    for selector in (without, other):
        assert not taken(selector, {"hr": {}})
        assert taken(selector, {"sales": {}})


@pytest.mark.parametrize(
    ("allowed", "labelled", "told"),
    [(PRODUCT, False, True), (PRODUCT, True, False), (SALES, False, False), ({"type": "SameNamespace"}, False, False)],
)
def test_a_gateway_whose_selector_cannot_be_carried_out_says_so(allowed, labelled, told):
    found = made(seen(gateway({"allowedConsumers": allowed}), labelled=labelled))
    assert (("NamespacesUnread", "") in reasons(found)) is told


def test_only_consumers_that_name_the_gateway_call_it():
    others = (consumer({"gatewayRefs": [{"name": "other"}]}), consumer(namespace="sales"))
    assert callers(seen(consumers=others)) == ([], [])


def test_what_a_consumer_names_is_there_and_takes_it_or_is_told():
    refs = [{"name": "public"}, {"name": "gone"}, {"name": "closed", "namespace": "elsewhere"}]
    known = (gateway(), gateway(namespace="elsewhere", name="closed"))
    findings = unresolved(consumer({"gatewayRefs": refs}), known, {})
    assert [(each.reason, each.subject) for each in findings] == [
        ("GatewayMissing", "models/gone"),
        ("NotPermitted", "elsewhere/closed"),
    ]


ALIKE = [
    {"team": "other"},
    {"priority": 0},
    {"suspended": True},
    {"budgets": [budget()]},
    {"budgets": [budget(amount=7)]},
    {"limits": {}},
]
OTHERWISE = [
    {"audience": "Internal"},
    {"models": ["bot", "other"]},
    {"requestClass": "orders"},
    {"trustedHeaders": ["RequestClass"]},
    {"trustedHeaders": ["ConversationId"]},
    {"limits": {"requestsPerMinute": 5}},
    {"limits": {"tokensPerMinute": 5}},
    {"budgets": [budget(), budget("hard", mode="Hard")]},
]


@pytest.mark.parametrize("spec", ALIKE, ids=str)
def test_what_changes_no_route_makes_no_other_policy(spec):
    assert policy_of(consumer(spec)) == policy_of(consumer(name="another"))


def test_whatever_changes_a_route_makes_another_policy():
    found = {policy_of(consumer(spec)).name for spec in ({}, *OTHERWISE)}
    assert len(found) == 1 + len(OTHERWISE)


def test_the_order_of_models_is_nothing_to_a_policy():
    assert policy_of(consumer({"models": ["a", "b"]})) == policy_of(consumer({"models": ["b", "a"]}))


def test_those_are_asked_about_who_have_something_that_is_never_exceeded():
    few = {"limits": {"maxConcurrentRequests": 1}}
    assert policy_of(consumer({"budgets": [budget()], "limits": {"requestsPerMinute": 5}})).reserves == ""
    assert policy_of(consumer({"budgets": [budget(), budget("day", mode="Hard")]} | few)).reserves == "Money"
    assert policy_of(consumer({"budgets": [budget()]} | few)).reserves == "Places"


def test_without_the_ledger_the_least_grace_of_the_soft_budgets_holds():
    def grace(*budgets: dict[str, Any]) -> int | None:
        return consumer({"budgets": list(budgets)}).spec.grace_seconds

    assert grace() is None
    assert grace(budget(mode="Hard")) is None
    assert grace(budget(), budget("day", mode="Hard")) == 900
    assert grace(budget(), budget("day", graceSeconds=5)) == 5
