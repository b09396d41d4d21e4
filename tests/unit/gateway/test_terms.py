"""What the ledger is told of one Gateway."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from paceline.api.ledger_config import LedgerBackend, LedgerConfig
from paceline.gateway.ir import FEEDBACK_BYTES, Endpoint
from paceline.gateway.observation import Model
from paceline.gateway.terms import Terms
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
    v6 = served(models.model(), Endpoint("10.0.0.2", 8000), Endpoint("fd00::1", 8000), capacity=64)
    assert queue(v6) == {
        "name": "models/chat",
        "capacity_per_engine": 64,
        "engines": 2,
        "engine_urls": ("http://10.0.0.2:8000", "http://[fd00::1]:8000"),
        "running": "vllm:num_requests_running",
    }
    assert queue(served())["capacity_per_engine"] == 1_000_000


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


def test_what_is_told_is_right_whatever_comes_together() -> None:
    found = told()
    config = LedgerConfig(
        generation=1, gateways=(found.gateway,), consumers=found.consumers, deployments=found.deployments
    )
    assert LedgerConfig.model_validate_json(config.model_dump_json(by_alias=True)) == config
