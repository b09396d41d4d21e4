"""Rules of the rendering that no golden file shows by itself."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from paceline.gateway import envoy, lua
from paceline.gateway.envoy import documents
from paceline.gateway.envoy.endpoints import MOST_FILES
from paceline.gateway.ir import Admission, Branch, Cluster, Endpoint, Gateway, Pods, Policy, Prompt, Route
from paceline.gateway.routes import UNAVAILABLE
from tests.support import neutral
from tests.support.neutral import EXTERNAL, SECRETS, answered_by, full, tokens


def rendered(gateway: Gateway) -> dict[str, Any]:
    return envoy.documents_of(gateway, SECRETS, "/f")


def everything(value: Any) -> list[Any]:
    found, todo = [], [value]
    while todo:
        each = todo.pop()
        found.append(each)
        todo += list(each.values()) if isinstance(each, dict) else each if isinstance(each, list) else []
    return found


def routes(gateway: Gateway) -> list[str]:
    """Names of the routes that models lead to."""
    found = everything(rendered(gateway)["rds.json"])
    return sorted(
        each["name"] for each in found if isinstance(each, dict) and each.get("@type", "").endswith("route.v3.Route")
    )


def test_files_come_after_those_that_they_refer_to() -> None:
    names = list(rendered(full()))
    for first, second in (("eds/embed", "cds"), ("sds/openai", "cds"), ("cds", "rds"), ("rds", "lds"), ("deny", "lds")):
        assert names.index(f"{first}.json") < names.index(f"{second}.json")


def test_scripts_are_named_by_their_content_and_hold_no_text_of_a_tenant() -> None:
    scripts = envoy.scripts()
    used = [each for each in everything(rendered(full())) if isinstance(each, str) and each.startswith("/f/lua/")]
    used += [each for each in everything(rendered(tokens())) if isinstance(each, str) and each.startswith("/f/lua/")]
    assert {each.removeprefix("/f/") for each in used} == set(scripts)
    assert envoy.scripts() == scripts
    assert {lua.request().text, lua.identity().text, lua.upstream().text, lua.copied().text} == set(scripts.values())


def test_the_scripts_and_the_filters_call_the_headers_alike() -> None:
    text = "".join(envoy.scripts().values())
    for name in (documents.CLIENT, documents.POLICY, documents.MODEL, documents.HASH, documents.TOKENS):
        assert name.startswith(documents.INTERNAL)
        assert f'"{name}"' in text


def test_policies_to_which_the_same_happens_share_one_route() -> None:
    policies = tuple(Policy("Internal", f"{number:06x}", ("m",)) for number in range(20))
    only = (Route("m", (Branch(answered_by("embed")),)),)
    gateway = replace(full(), policies=(*policies, EXTERNAL), keys=(), routes=only)
    assert routes(gateway).count("m/0") == 1
    (regex,) = [each["regex"] for each in everything(rendered(gateway)) if isinstance(each, dict) and "regex" in each]
    assert all(re.fullmatch(regex, policy.name) for policy in policies)
    assert not re.fullmatch(regex, "internalx000000")


def test_what_everybody_may_ask_is_routed_without_a_look_at_the_policy() -> None:
    policies = tuple(Policy("Internal", f"{number:06x}", ("m",)) for number in range(20))
    gateway = replace(full(), policies=policies, keys=(), routes=(Route("m", (Branch(answered_by("embed")),)),))
    assert routes(gateway).count("m/0") == 1
    assert "forbidden" not in routes(gateway)


def test_a_class_that_changes_nothing_makes_no_route_of_its_own() -> None:
    assert routes(full()).count("support-bot/2") == 1


def test_an_audience_without_a_branch_may_not_use_the_model() -> None:
    policy = Policy("Internal", "aaaaaa", ("*",), trusts_class=True)
    only = Route("m", (Branch(answered_by("embed"), request_class="a"), Branch(answered_by("embed"), ("Reviewer",))))
    gateway = replace(full(), policies=(policy,), keys=(), routes=(only,))
    assert routes(gateway).count("m/0") == 1
    assert routes(gateway).count("forbidden") == 1
    nobody = replace(gateway, routes=(Route("m", only.branches[1:]),))
    assert "m/0" not in routes(nobody)


def test_who_reserves_has_a_branch_of_its_own_only_where_there_is_one() -> None:
    plain, bound, seated = (Policy("Internal", "aaaaaa", ("*",), reserves=each) for each in ("", "Money", "Places"))
    asked, free = Branch(answered_by("first"), reserves="Money"), Branch(answered_by("second"))
    route = Route("m", (asked, free))
    assert [route.branch(each, "") for each in (plain, bound, seated)] == [free, asked, free]
    assert Route("m", (free,)).branch(bound, "") == free
    assert Route("m", (asked,)).branch(plain, "") is None


def test_a_request_that_waits_for_admission_is_not_idle() -> None:
    waits = answered_by("embed", timeout_seconds=60, first_byte_seconds=9, admission=Admission("ledger", 125))
    found = everything(rendered(replace(full(), routes=(Route("m", (Branch(waits),)),)))["rds.json"])
    (route,) = [each for each in found if isinstance(each, dict) and "idle_timeout" in each]
    assert (route["timeout"], route["idle_timeout"]) == ("60s", "125s")


def test_a_try_to_ask_for_admission_may_last_as_long_as_the_answer() -> None:
    """Envoy ends each try after the longest pause between two."""
    waits = answered_by("embed", admission=Admission("ledger", 125))
    found = everything(rendered(replace(full(), routes=(Route("m", (Branch(waits),)),)))["rds.json"])
    (asked,) = [each["check_settings"] for each in found if isinstance(each, dict) and "check_settings" in each]
    service = asked["http_service"]
    assert service["retry_policy"]["retry_back_off"]["max_interval"] == service["server_uri"]["timeout"] == "125s"


def test_an_endpoint_that_comes_changes_one_file() -> None:
    gateway = full()
    first = gateway.clusters[0]
    more = replace(first, servers=replace(first.servers, endpoints=first.servers.endpoints[:1]))
    before, after = rendered(gateway), rendered(replace(gateway, clusters=(more, *gateway.clusters[1:])))
    assert [name for name in before if before[name] != after[name]] == ["eds/support-stable.json"]


def test_many_clusters_are_not_watched_each_by_itself() -> None:
    """Envoy aborts when the 128 inotify instances of a user id are used up."""
    pods = tuple(Cluster(f"c{number}", Pods((Endpoint("10.0.0.1", 80),)), "m") for number in range(MOST_FILES + 1))
    many = rendered(Gateway("g", "ns", full().listener, clusters=pods))
    asked = {each["eds_cluster_config"]["service_name"] for each in many["cds.json"]["resources"]}
    assert asked == {name for name in many if name.startswith("eds/")}
    assert all("ads" in each["eds_cluster_config"]["eds_config"] for each in many["cds.json"]["resources"])
    for made in (
        many,
        rendered(Gateway("g", "ns", full().listener, clusters=pods[1:])),
    ):
        sources = [each.get("path_config_source") for each in everything(made) if isinstance(each, dict)]
        assert 2 < len([each for each in sources if each and "poll_interval" not in each]) <= MOST_FILES + 3


HOSTILE = [
    "%REQ(authorization)%",
    "{{x}}",
    "${HOME}",
    "a'b\"c",
    "\\1",
    "]]--",
    "%%",
    "<script>",
    "é\u2028\U0001f600",
    "\ud800",
]


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_a_leaf_and_nothing_else(text: str) -> None:
    def of(words: str) -> dict[str, Any]:
        target = answered_by("embed", prompt=Prompt("p@1", words))
        clusters = [replace(each, labels=(("backend", words),)) for each in full().clusters]
        return rendered(replace(full(), routes=(Route("m", (Branch(target),)),), clusters=tuple(clusters)))

    assert shape(of(text)) == shape(of("harmless"))
    encoded = json.dumps(of(text))
    assert json.loads(encoded) == of(text)
    (context,) = [each for each in everything(of(text)) if isinstance(each, dict) and "messages" in each]
    assert json.loads(context["messages"]) == {"role": "system", "content": text}
    assert json.loads(f'"{context["prompt"]}"') == f"{text}\n\n"


@pytest.mark.parametrize("case", neutral.CASES)
def test_rendering_is_the_same_each_time(case: str) -> None:
    made = [json.dumps(rendered(neutral.CASES[case]())) for _ in range(2)]
    assert made[0] == made[1]
    gateway = neutral.CASES[case]()
    turned = replace(
        gateway,
        routes=gateway.routes[::-1],
        clusters=gateway.clusters[::-1],
        policies=gateway.policies[::-1],
        keys=gateway.keys[::-1],
        denied=gateway.denied[::-1],
    )
    assert {name: rendered(turned)[name] for name in rendered(gateway)} == rendered(gateway)


def test_a_class_of_its_own_counts_where_a_trusted_consumer_says_none() -> None:
    own = Policy("Internal", "aaaaaa", ("m",), request_class="orders", trusts_class=True)
    orders = Branch(answered_by("embed"), request_class="orders")
    gateway = replace(full(), policies=(own, EXTERNAL), keys=(), routes=(Route("m", (orders, Branch(UNAVAILABLE))),))
    (host,) = rendered(gateway)["rds.json"]["resources"][0]["virtual_hosts"]
    classes = host["matcher"]["matcher_tree"]["exact_match_map"]["map"]["m"]["matcher"]["matcher_list"]["matchers"]
    matcher = classes[0]["on_match"]["matcher"]
    assert matcher["on_no_match"]["action"]["typed_config"]["name"] == "m/0"
    said = matcher["matcher_list"]["matchers"][0]["on_match"]["matcher"]
    assert set(said["matcher_tree"]["exact_match_map"]["map"]) == {"orders"}
    assert said["on_no_match"]["action"]["typed_config"]["name"] == "m/1"
    assert host["metadata"]["filter_metadata"] == {
        "paceline.request": {own.name: {"class": True, "conversation": False}}
    }


def test_where_no_branch_tells_classes_apart_a_trusted_consumer_has_one_route() -> None:
    own = Policy("Internal", "aaaaaa", ("m",), request_class="orders", trusts_class=True)
    gateway = replace(full(), policies=(own,), keys=(), routes=(Route("m", (Branch(answered_by("embed")),)),))
    (host,) = rendered(gateway)["rds.json"]["resources"][0]["virtual_hosts"]
    found = host["matcher"]["matcher_tree"]["exact_match_map"]["map"]["m"]["matcher"]
    assert found["on_no_match"]["action"]["typed_config"]["name"] == "m/0"
