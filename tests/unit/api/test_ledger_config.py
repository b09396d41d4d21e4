"""The document that tells the ledger of consumers, gateways and models."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.support.ledger_config import (
    CONSUMER,
    DEPLOYMENT,
    a_budget,
    a_config,
    a_consumer,
    a_deployment,
    a_gateway,
    a_route,
    parsed,
)


def consumer(**changes):
    return parsed(consumers=[a_consumer(**changes)]).consumers[0]


def test_a_small_document_has_the_defaults_of_the_kinds():
    (found,) = parsed().consumers
    assert (found.name, found.priority, found.suspended, found.reserves) == (CONSUMER, 5, False, False)
    (route,) = parsed().gateways[0].routes
    assert (route.attempts, route.longest_seconds, route.deployment, route.waiting.max_seconds) == (1, 600, "", 120)


@pytest.mark.parametrize(
    ("changes", "hard", "reserves"),
    [
        ({"budgets": [a_budget(mode="Soft")]}, False, False),
        ({"budgets": [a_budget(mode="Soft"), a_budget(name="day")]}, True, True),
        ({"maxConcurrentRequests": 3}, False, True),
    ],
)
def test_hard_budgets_and_exact_concurrency_need_the_store_for_each_request(changes, hard, reserves):
    assert (consumer(**changes).hard, consumer(**changes).reserves) == (hard, reserves)


@pytest.mark.parametrize(
    ("budgets", "seconds"),
    [
        ([], 900),
        ([a_budget(mode="Soft")], 900),
        ([a_budget(mode="Soft", graceSeconds=60), a_budget(name="day", mode="Soft")], 60),
        ([a_budget(mode="Soft"), a_budget(name="day")], 0),
    ],
)
def test_the_strictest_budget_says_how_long_a_consumer_is_served_without_the_store(budgets, seconds):
    assert consumer(budgets=budgets).grace_seconds == seconds


@pytest.mark.parametrize(("engines", "capacity"), [(0, 0), (3, 6)])
def test_capacity_is_that_of_an_engine_for_each_that_is_ready(engines, capacity):
    assert parsed(deployments=[a_deployment(engines=engines)]).deployments[0].capacity == capacity


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"consumers": [a_consumer(), a_consumer()]}, f"consumers name {CONSUMER} twice"),
        ({"gateways": [a_gateway(), a_gateway()]}, "gateways name platform/public twice"),
        ({"deployments": [a_deployment(), a_deployment()]}, f"deployments name {DEPLOYMENT} twice"),
        ({"gateways": [a_gateway(a_route(), a_route())]}, "routes of gateway platform/public name support-bot twice"),
        ({"gateways": [a_gateway(a_route(deployment=DEPLOYMENT))]}, f"waits for deployment {DEPLOYMENT}, which is not"),
        ({"generation": 0}, "generation"),
        ({"consumers": [{"name": "acme"}]}, "consumers.0.name"),
    ],
)
def test_what_is_not_clear_is_refused_with_its_name(changes, words):
    with pytest.raises(ValidationError, match=words):
        parsed(**changes)


def test_a_route_may_wait_for_a_deployment_that_is_there():
    routes = [a_route(deployment=DEPLOYMENT), a_route(model="other")]
    found = parsed(gateways=[a_gateway(*routes)], deployments=[a_deployment()])
    assert [each.deployment for each in found.gateways[0].routes] == [DEPLOYMENT, ""]


def test_a_field_of_a_later_release_is_no_error():
    assert parsed(newer={"a": 1}) == parsed()
    assert a_config()["generation"] == 1
