"""What the ledger is told of one Gateway."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from paceline.api.ledger_config import LedgerBackend, LedgerConfig
from paceline.gateway.ir import FEEDBACK_BYTES, Endpoint
from paceline.gateway.observation import Model
from paceline.gateway.terms import Terms, requeued
from tests.support import models
from tests.support.consumers import budget, consumer
from tests.support.gateways import external, gateway, local, route
from tests.support.translating import SITE, made, seen, served

BERLIN = frozenset({"UTC", "Europe/Berlin"})


def told(*routes: dict[str, Any], **more: Any) -> Terms:
    return made(seen(gateway({"routes": list(routes) or [route()]}), **more)).terms


def test_a_consumer_is_told_with_what_it_may_spend_and_how_it_is_known() -> None:
    spec = {
        "team": "support",
        "priority": 0,
        "suspended": True,
        "budgets": [budget(timeZone="Europe/Berlin"), budget("day", mode="Hard", timeZone="Mars/Olympus")],
        "limits": {"maxConcurrentRequests": 3, "requestsPerMinute": 5},
    }
    found = made(seen(consumers=(consumer(spec), consumer(name="another")), zones=BERLIN))
    other, one = found.terms.consumers
    assert (other.name, other.team, other.max_concurrent_requests, other.budgets) == ("models/another", "", None, ())
    assert (one.name, one.team, one.priority, one.suspended) == ("models/site", "support", 0, True)
    assert (one.gateways, one.max_concurrent_requests) == (("models/public",), 3)
    assert [(each.name, each.mode, each.time_zone) for each in one.budgets] == [
        ("month", "Soft", "Europe/Berlin"),
        ("day", "Hard", "UTC"),
    ]
    (client,) = one.clients
    assert client.endswith(".models.site")
    assert client.rpartition(".models.")[0] in {each.name for each in found.gateway.policies}


def test_a_route_is_told_with_all_that_bounds_its_cost() -> None:
    known = served(servings=(replace(served().servings[0], context_tokens=8192),))
    again = local("again", priority=1)
    spec = route(local(), again, retry={"attempts": 4}, timeoutSeconds=90, firstByteTimeoutSeconds=9)
    (found,) = told(spec, models=(known,)).gateway.routes
    assert found.backends == (LedgerBackend(name="main", model="chat"), LedgerBackend(name="again", model="chat"))
    assert (found.attempts, found.longest_seconds, found.context_tokens) == (5, 90, 8192)
    (found,) = told(route(local(), external(priority=1)), models=(known,)).gateway.routes
    assert found.context_tokens is None


@pytest.mark.parametrize(("then", "attempts", "more"), [("Refuse", 5, 0), ("RetryOnce", 10, FEEDBACK_BYTES)])
def test_a_second_answer_is_reckoned_with_what_the_first_adds_to_its_prompt(
    then: str, attempts: int, more: int
) -> None:
    ref = {"name": "schemas", "key": "a"}
    spec = route(retry={"attempts": 4}, responseSchemaRef=ref, onInvalidResponse=then)
    (found,) = told(spec, texts={("schemas", "a"): "{}"}, site=replace(SITE, adapter=True)).gateway.routes
    assert (found.attempts, found.prompt_bytes) == (attempts, more)


def test_revisions_of_one_backend_are_one_to_the_ledger() -> None:
    one = served().servings[0]
    known = served(servings=(replace(one, context_tokens=10), replace(one, revision="r2", context_tokens=20)))
    (found,) = told(models=(known,)).gateway.routes
    assert (found.backends, found.context_tokens) == ((LedgerBackend(name="main", model="chat"),), 20)


def test_nobody_waits_for_a_route_that_nobody_answers() -> None:
    assert told(route(local("main", "nowhere"))).gateway.routes == ()


def queue(model: Model) -> dict[str, Any]:
    (found,) = told(models=(model,)).deployments
    return found.model_dump(exclude={"metrics"}) | {"running": found.metrics.running}


def test_the_queue_of_a_deployment_has_a_place_for_what_each_engine_takes() -> None:
    v6 = taking(64, 64, slo={"ttftMilliseconds": 500})
    assert queue(v6) == {
        "name": "models/chat",
        "capacity_per_engine": 64,
        "engines": 2,
        "engine_urls": ("http://10.0.0.2:8000", "http://[fd00::1]:8000"),
        "running": "vllm:num_requests_running",
        "slo": {
            "ttft_milliseconds": 500,
            "tpot_milliseconds": None,
            "objective_percent": "99",
            "period_days": 28,
            "min_requests": 100,
        },
    }
    assert queue(served())["slo"] is None


def taking(*capacities: int | None, **spec: Any) -> Model:
    """A model with a revision for each capacity, each with a pod that is ready."""
    addresses = [Endpoint("10.0.0.2", 8000), Endpoint("fd00::1", 8000), Endpoint("10.0.0.3", 8000)]
    one = served().servings[0]
    servings = [
        replace(one, revision=f"r{number}", capacity=capacity, endpoints=(addresses[number],))
        for number, capacity in enumerate(capacities)
    ]
    return served(models.model(spec), servings=tuple(servings))


@pytest.mark.parametrize(
    ("capacities", "engines", "each"),
    [
        ((8, 256), 2, 132),
        ((8, 8, 257), 3, 91),
        ((8, None), 2, 1_000_000),
        ((None,), 1, 1_000_000),
        ((999_999_000,), 1, 1_000_000),
    ],
)
def test_engines_of_several_revisions_take_together_what_each_of_them_takes(
    capacities: tuple[int | None, ...], engines: int, each: int
) -> None:
    found = queue(taking(*capacities))
    assert (found["engines"], found["capacity_per_engine"]) == (engines, each)


def test_without_an_engine_nobody_has_a_place_whatever_one_would_take() -> None:
    one = replace(served().servings[0], capacity=8, endpoints=())
    assert queue(served(servings=(one,)))["engines"] == 0


def test_the_ledger_knows_every_deployment_that_answers_also_where_nobody_waits() -> None:
    alone = told(route(waiting={"maxSeconds": 0, "maxRequests": 0}))
    assert [each.name for each in alone.deployments] == ["models/chat"]
    assert alone.gateway.routes[0].deployment == ""


@pytest.mark.parametrize(
    ("engine", "locked", "running"),
    [
        ("VLLM", True, "vllm:num_requests_running"),
        ("SGLang", True, "sglang:num_running_reqs"),
        ("LlamaCpp", False, "llamacpp:requests_processing"),
        ("LlamaCpp", True, None),
        ("Custom", False, None),
    ],
)
def test_engines_are_read_as_far_as_their_page_is_known_and_open(
    engine: Any, locked: bool, running: str | None
) -> None:
    one = replace(served().servings[0], engine=engine, locked=locked)
    found = queue(served(servings=(one,)))
    assert (bool(found["engine_urls"]), found["engines"]) == (running is not None, 1)
    assert running in {found["running"], None}
    mixed = queue(served(servings=(one, replace(one, revision="r2", engine="Simulator", locked=False))))
    assert (bool(mixed["engine_urls"]), mixed["engines"]) == (engine == "VLLM", 2)


def test_pods_that_come_change_the_engines_that_are_waited_for_and_nothing_else() -> None:
    waits = route(local(), waiting={"maxSeconds": 20})
    one, two = served(models.model(), Endpoint("10.0.0.1", 8000)), served(models.model(), Endpoint("10.0.0.2", 8000))
    before, after = told(waits, models=(one,)), told(waits, models=(two,))
    assert before.deployments
    assert before != after
    assert requeued(before, two) == after
    assert requeued(before, served(models.model(name="other"))) == before


def test_what_is_told_is_right_whatever_comes_together() -> None:
    found = told()
    config = LedgerConfig(
        generation=1, gateways=(found.gateway,), consumers=found.consumers, deployments=found.deployments
    )
    assert LedgerConfig.model_validate_json(config.model_dump_json(by_alias=True)) == config
