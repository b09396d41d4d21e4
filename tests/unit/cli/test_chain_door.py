"""The chains of Gateways and Consumers: each link that does not hold is named, with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from paceline.api import consumer_reasons, gateway_reasons
from paceline.cli.chain import Link, State, caller, door, weakest
from paceline.cli.console import ExitCode
from paceline.cli.kinds import CONSUMER, GATEWAY
from tests.support.cli_objects import NOW, a_consumer, a_gateway, cond, key_of, pod
from tests.support.fake_api import FakeApi

Run = Callable[..., tuple[int, str, str]]

READY_POD = pod("public-a", conditions=(cond("Ready", "True"),))
OPEN = door.GatewayView(a_gateway(), NOW, [READY_POD], [a_consumer()], 1)
KNOWN = caller.ConsumerView(a_consumer(credentials=[key_of("key-1")]), NOW, {"models/public": a_gateway()}, 1)


def said(kind: str, status: str, reason: str, message: str = "Words.") -> dict[str, Any]:
    return a_gateway()["status"] | {"conditions": [cond("Accepted", "True"), cond(kind, status, reason, message)]}


def of_gateway(**changes: Any) -> tuple[Link, ...]:
    view = replace(OPEN, **changes)
    return tuple(check(view) for check in door.CHECKS)


def of_consumer(consumer: dict[str, Any] | None = None, **changes: Any) -> tuple[Link, ...]:
    view = replace(KNOWN, **({"consumer": consumer} if consumer else {}), **changes)
    return tuple(check(view) for check in caller.CHECKS)


def first(links: tuple[Link, ...]) -> Link:
    found = weakest(links)
    assert found is not None
    assert found.remedy
    return found


def test_every_link_of_what_serves_holds() -> None:
    for links in (of_gateway(), of_consumer()):
        assert [link.name for link in links if link.state is not State.OK] == []


@pytest.mark.parametrize(
    ("kind", "reason", "name", "state"),
    [
        ("Ready", "ImagePullFailed", "pods", State.FAILED),
        ("Ready", "PodStarting", "pods", State.WAITING),
        ("Programmed", "UpdateRejected", "programmed", State.FAILED),
        ("Programmed", "AwaitingAgent", "programmed", State.WAITING),
        ("CredentialsResolved", "SecretMissing", "credentials", State.FAILED),
        ("BackendsResolved", "BackendMissing", "backends", State.FAILED),
    ],
)
def test_a_condition_that_does_not_hold_is_the_link_with_the_remedy_of_its_reason(
    kind: str, reason: str, name: str, state: State
) -> None:
    remedy = gateway_reasons.BY_NAME[reason].remedy
    found = first(of_gateway(gateway=a_gateway(**said(kind, "False", reason, f"Words. {remedy}"))))
    assert found == Link(name, state, f"{reason}: Words.", remedy)


def test_what_is_not_accepted_comes_before_its_pods() -> None:
    conditions = [cond(kind, "False", "Conflicted", "Another one has it.") for kind in ("Accepted", "Ready")]
    found = first(of_gateway(gateway=a_gateway(conditions=conditions)))
    assert (found.name, found.text) == ("accepted", "Conflicted: Another one has it.")


def test_a_reason_of_a_later_release_leads_to_the_page_of_all() -> None:
    found = first(of_gateway(gateway=a_gateway(**said("Programmed", "False", "Moonphase"))))
    assert found.remedy == "Moonphase: see docs/reference/conditions.md"


@pytest.mark.parametrize(
    ("observed", "age", "operators", "state"),
    [
        pytest.param(0, 5, None, State.WAITING, id="new"),
        pytest.param(0, 60, 1, State.FAILED, id="never-seen"),
        pytest.param(1, 60, 1, State.WAITING, id="changed"),
        pytest.param(1, 60, 0, State.FAILED, id="no-operator"),
    ],
)
def test_a_spec_that_nobody_has_seen_is_the_first_link(
    observed: int, age: int, operators: int | None, state: State
) -> None:
    gateway = a_gateway(observedGeneration=observed)
    gateway["metadata"]["generation"] = 2
    found = first(of_gateway(gateway=gateway, now=NOW - 100 + age, operators=operators))
    assert (found.name, found.state) == ("spec", state)
    assert "paceline enable models" in found.remedy


def test_routes_that_answer_nobody_are_named() -> None:
    bad = [f"bot-{number}" for number in range(7)]
    found = first(of_gateway(gateway=a_gateway(routes={"total": 9, "unhealthy": bad})))
    assert found.name == "routes"
    assert found.text == "7 of 9 routes answer nobody: bot-0, bot-1, bot-2, bot-3, bot-4 and 2 more"


def test_a_gateway_of_which_nothing_is_known_fails_at_no_link_but_the_first() -> None:
    gateway = a_gateway()
    gateway["status"] = {}
    links = of_gateway(gateway=gateway, pods=[], consumers=[])
    states = {link.name: link.state for link in links}
    assert states == dict.fromkeys(states, State.NOT_REACHED) | {"spec": State.FAILED, "consumers": State.OK}


@pytest.mark.parametrize(
    ("spec", "consumers", "state", "words"),
    [
        pytest.param({"authentication": "None"}, [], State.OK, "everybody is answered", id="open"),
        pytest.param({}, [], State.OK, "is answered 401", id="nobody"),
        pytest.param({}, [a_consumer(conditions=[])], State.WAITING, "1 of 1 Consumer not answered", id="not-yet"),
    ],
)
def test_who_may_ask_is_told(spec: dict[str, Any], consumers: list[dict[str, Any]], state: State, words: str) -> None:
    links = {link.name: link for link in of_gateway(gateway=a_gateway(spec=spec), consumers=consumers)}
    assert links["consumers"].state is state
    assert words in links["consumers"].text


@pytest.mark.parametrize(
    ("consumer", "name", "words"),
    [
        pytest.param(a_consumer(suspended=True), "suspended", "answered 403", id="suspended"),
        pytest.param(
            a_consumer(conditions=[cond("Ready", "False", "SecretMissing", "It is not there.")]),
            "credentials",
            "SecretMissing: It is not there.",
            id="secret",
        ),
        pytest.param(
            a_consumer(conditions=[cond("Ready", "False", "AwaitingAgent", "not b.")]),
            "in force",
            "AwaitingAgent: not b.",
            id="not-everywhere",
        ),
        pytest.param(
            a_consumer(conditions=[cond("WithinBudget", "False", "BudgetExhausted", "It is spent.")]),
            "budget",
            "BudgetExhausted: It is spent.",
            id="budget",
        ),
        pytest.param(
            a_consumer(conditions=[cond("Accepted", "False", "NotPermitted", "Not taken.")]),
            "accepted",
            "NotPermitted: Not taken.",
            id="not-taken",
        ),
    ],
)
def test_what_holds_a_consumer_up_is_named(consumer: dict[str, Any], name: str, words: str) -> None:
    found = first(of_consumer(consumer))
    assert found.name == name
    assert words in found.text


def test_a_budget_that_is_spent_has_the_remedy_of_its_reason() -> None:
    remedy = consumer_reasons.BY_NAME["BudgetExhausted"].remedy
    spent = [cond("WithinBudget", "False", "BudgetExhausted", f"It is spent. {remedy}")]
    assert first(of_consumer(a_consumer(conditions=spent))).remedy == remedy


def test_a_gateway_that_is_down_or_out_of_sight_is_told() -> None:
    down = a_gateway(conditions=[cond("Ready", "False", "PodCrashing")])
    found = first(of_consumer(gateways={"models/public": down, "other/door": None}))
    assert (found.name, found.remedy) == ("gateways", "paceline explain gateway/public -n models")
    unseen = of_consumer(gateways={"models/public": a_gateway(), "other/door": None})
    assert weakest(unseen) is None
    assert "other/door cannot be looked at" in {link.text for link in unseen}


def test_each_credential_is_told_with_its_place_and_no_content() -> None:
    jwt = {"name": "bot", "type": "JWT", "jwt": {"issuer": "https://id.example.com"}}
    links = {link.name: link for link in of_consumer(a_consumer(credentials=[key_of("key-1", "keys"), jwt]))}
    told = "key-1 (Secret keys, key token), bot (tokens of https://id.example.com)"
    assert links["credentials"].text == told
    links = {link.name: link for link in of_consumer(a_consumer())}
    assert links["credentials"].text == "generated (Secret site-key, key token)"


def test_explain_reads_what_hangs_from_a_gateway(api: FakeApi, paceline: Run) -> None:
    api.put(GATEWAY.path("models", "public"), a_gateway())
    api.items("/api/v1/namespaces/models/pods", READY_POD)
    other = a_consumer("other", gatewayRefs=[{"name": "public", "namespace": "elsewhere"}], conditions=[])
    api.items(CONSUMER.path("models"), a_consumer(), other)
    code, out, _ = paceline("explain", "gateway/public")
    assert code == 0
    assert out.startswith("Gateway models/public: every link holds\n")
    assert "1 Consumer of this namespace may ask" in out
    assert any("labelSelector=app.kubernetes.io%2Fcomponent%3Dgateway" in path for _, path, _ in api.requests)


def test_explain_reads_the_gateways_that_a_consumer_names(api: FakeApi, paceline: Run) -> None:
    refs = [{"name": "public", "namespace": "platform"}, {"name": "secret", "namespace": "platform"}]
    api.put(CONSUMER.path("models", "site"), a_consumer(gatewayRefs=refs))
    api.put(GATEWAY.path("platform", "public"), a_gateway(conditions=[cond("Ready", "False", "PodCrashing")]))
    api.refuse(GATEWAY.path("platform", "secret"), 403, "no")
    code, out, _ = paceline("explain", "consumer/site", "-o", "json")
    assert code == ExitCode.NOT_READY
    links = {link["name"]: link for link in json.loads(out)["links"]}
    assert links["gateways"]["text"] == "platform/public does not answer clients"


def test_explain_refuses_what_is_none_of_its_kinds(api: FakeApi, paceline: Run) -> None:
    code, _, err = paceline("explain", "pod/x")
    assert code == ExitCode.USAGE
    assert "write mdep/NAME, gateway/NAME, consumer/NAME" in err
