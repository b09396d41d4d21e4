"""From kinds to routes: who may ask what, who answers, and that one object's trouble is its own."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from paceline.gateway.consumers import callers
from paceline.gateway.envoy import documents_of
from paceline.gateway.ir import (
    Admission,
    Check,
    Endpoint,
    External,
    Objective,
    Pods,
    Problem,
    Refusal,
    Service,
    Target,
    Tracing,
)
from paceline.gateway.observation import Observation, Serving
from paceline.gateway.offered import everywhere
from paceline.gateway.owners import told
from paceline.gateway.routes import UNAVAILABLE
from paceline.gateway.translate import Translation
from tests.support import models
from tests.support.consumers import budget, consumer, key
from tests.support.gateways import external, gateway, local, route
from tests.support.translating import ADDRESS, KEY, LEDGER, SITE, keys_of, made, reasons, seen, served

PRICE = {"name": "p", "model": "chat", "inputPerMillion": 1, "outputPerMillion": 2}


def routed(*routes: dict[str, Any], **more: Any) -> Observation:
    return seen(gateway({"routes": list(routes), "prices": [PRICE]}), **more)


def targets(found: Translation, model: str = "bot") -> list[Target | Refusal]:
    (one,) = [each for each in found.gateway.routes if each.model == model]
    return [branch.target for branch in one.branches]


def target(found: Translation, model: str = "bot") -> Target:
    one = targets(found, model)[-1]
    assert isinstance(one, Target)
    return one


FAMILIES = ("support", "sales", "code", "embed", "search")
MODELS = [f"{family}-{number}" for family in FAMILIES for number in range(10)]


def patterns(dice: random.Random) -> list[str]:
    choices = [*MODELS, *(f"{family}-*" for family in FAMILIES), "s*", "*", "code-1*", "nothing", "nothing-*"]
    return sorted(set(dice.choices(choices, k=dice.randint(1, 4))))


def spec_says(wanted: list[str], model: str) -> bool:
    return any(model.startswith(each[:-1]) if each.endswith("*") else model == each for each in wanted)


@pytest.mark.parametrize("seed", range(5))
def test_each_of_50_consumers_may_ask_those_of_50_models_that_its_spec_says(seed):
    dice = random.Random(seed)
    allowed = {"type": "Selector", "selector": {"matchLabels": {"tier": "product"}}}
    namespaces = {"in": {"tier": "product"}, "out": {"tier": "inner"}}
    found = []
    for number in range(50):
        audience = dice.choice(["Internal", "External", "Reviewer"])
        limits = dice.choice([{}, {"requestsPerMinute": dice.randint(1, 3)}, {"maxConcurrentRequests": 2}])
        spec = {"gatewayRefs": [{"name": "public", "namespace": "models"}], "limits": limits, "audience": audience}
        spec |= {"models": patterns(dice)}
        found.append(consumer(spec, name=f"c{number}", namespace=dice.choice(["models", "in", "out"])))
    written = {"allowedConsumers": allowed, "routes": [route(model=each) for each in MODELS]}
    translation = made(seen(gateway(written), consumers=tuple(found), namespaces=namespaces))
    policies = {each.name: each for each in translation.gateway.policies}
    by_consumer = {(each.namespace, each.consumer): each for each in translation.gateway.keys}
    assert len(translation.gateway.routes) == 50
    for each in found:
        entry = by_consumer.get((each.namespace, each.name))
        assert (entry is not None) == (each.namespace != "out")
        for one in translation.gateway.routes:
            policy = policies[entry.policy] if entry else None
            answered = policy is not None and one.model in policy.allowed([one.model]) and one.branch(policy, "")
            expected = each.namespace != "out" and spec_says(list(each.spec.models), one.model)
            assert bool(answered) == expected, (each.name, one.model)


def test_translating_twice_or_in_another_order_comes_to_the_same():
    consumers = tuple(consumer({"models": ["bot", f"m{n}"]}, name=f"c{n}") for n in range(5))
    routes = [route(model=f"m{n}") for n in range(5)]
    given = routed(*routes, consumers=consumers)
    turned = replace(routed(*reversed(routes)), consumers=consumers[::-1])
    secrets = keys_of(*consumers)
    assert made(given, secrets) == made(given, secrets) == made(turned, secrets)


def test_the_shares_of_a_priority_are_as_written_and_further_priorities_come_after():
    backends = [
        local("b", priority=1, weight=30),
        external("openai", priority=2),
        local("a", weight=20),
        external("other", "https://api.example.com/other", weight=10),
    ]
    found = made(routed(route(*backends)))
    groups = [[(share.cluster.split("_")[:2], share.weight) for share in group] for group in target(found).groups]
    assert groups == [
        [(["chat", "r1"], 20), (["other", "external"], 10)],
        [(["chat", "r1"], 30)],
        [(["openai", "external"], 100)],
    ]


def test_two_routes_to_the_same_backend_share_its_cluster_and_another_name_makes_another():
    found = made(routed(route(), route(model="b"), route(local("other"), model="c")))
    assert len(found.gateway.clusters) == 2
    assert target(found).groups == target(found, "b").groups != target(found, "c").groups


def test_names_of_clusters_differ_with_whatever_makes_the_servers_others():
    backends = [
        local("a"),
        local("a2"),
        local("b", "chat-2"),
        local("c", modelDeployment={"name": "chat", "adapter": "lora"}),
        external("d"),
        external("e", external={"baseUrl": "https://api.example.com/v1", "model": "other"}),
    ]
    more = [route(local("a"), model="hashed", balance="PrefixAffinity")]
    adapted = {
        "model": {"uri": "hf://a/b"},
        "adapters": [{"name": "lora", "uri": "hf://a/l"}],
    }
    known = (served(models.model(adapted)), served(models.model(name="chat-2")))
    found = made(routed(route(*backends), *more, models=known))
    assert len({each.name for each in found.gateway.clusters}) == 7


def test_engines_say_of_tokens_what_they_can_and_have_the_health_path_that_a_proxy_can_ask():
    kinds = {"VLLM": "Continuous", "SGLang": "Continuous", "Simulator": "Continuous", "LlamaCpp": "Final"}
    for kind, usage in {**kinds, "Custom": "Final"}.items():
        one = Serving("r1", kind, "chat", endpoints=(ADDRESS,), health_path="/he%61lth")
        (cluster,) = made(routed(route(), models=(replace(served(), servings=(one,)),))).gateway.clusters
        assert (cluster.usage, cluster.servers) == (usage, Pods((ADDRESS,), ""))
    assert made(routed(route())).gateway.clusters[0].servers == Pods((ADDRESS,), "/health")


def test_an_adapter_is_asked_for_only_where_it_is_loaded():
    spec = {"model": {"uri": "hf://a/b"}, "adapters": [{"name": "lora", "uri": "hf://a/l"}]}
    old = Serving("old", "VLLM", "chat", endpoints=(ADDRESS, ADDRESS))
    new = Serving("new", "VLLM", "chat", ("lora",), (ADDRESS,))
    wanted = route(local(modelDeployment={"name": "chat", "adapter": "lora"}))
    model = served(models.model(spec))
    found = made(routed(wanted, models=(replace(model, servings=(old, new)),)))
    (cluster,) = found.gateway.clusters
    assert (cluster.model, dict(cluster.labels)["revision"]) == ("lora", "new")
    found = made(routed(wanted, models=(replace(model, servings=(old,)),)))
    assert (found.gateway.clusters[0].servers, found.unhealthy) == (Pods(), ("bot",))
    left = replace(served(), servings=(new,))
    assert made(routed(wanted, models=(left,))).gateway.clusters[0].model == "lora"
    assert reasons(made(routed(wanted)))[0] == ("BackendMissing", "bot")


def shared(**spec: Any):
    return models.model({"sharedWith": [{"gatewayNamespace": "models"}], **spec}, namespace="ml")


ELSEWHERE = route(local(modelDeployment={"name": "chat", "namespace": "ml"}))


def test_a_model_of_another_namespace_needs_its_owners_consent_and_nobody_learns_that_it_is_there():
    assert target(made(routed(ELSEWHERE, models=(served(shared()),))))
    gone = made(routed(ELSEWHERE, models=()))
    refused = made(routed(ELSEWHERE, models=(served(models.model(namespace="ml")),)))
    assert gone == refused
    assert reasons(gone) == [("NotPermitted", "bot")]
    assert targets(gone) == [UNAVAILABLE]


def test_an_engine_that_asks_for_its_key_answers_gateways_of_its_namespace_alone():
    locked = models.model({"exposure": "GatewayOnly"})
    found = made(routed(route(), models=(served(locked),)))
    assert found.gateway.clusters[0].credential_file == "/etc/paceline/secrets/chat-engine-key/key"
    assert found.mounts == {"chat-engine-key": ("key",)}
    for model in (served(shared(exposure="GatewayOnly")), replace(served(shared(exposure="GatewayOnly")), servings=())):
        assert reasons(made(routed(ELSEWHERE, models=(model,)))) == [("NotPermitted", "bot")]
    mixed = served(shared())
    open_, other = mixed.servings[0], replace(mixed.servings[0], revision="locked", locked=True)
    found = made(routed(ELSEWHERE, models=(replace(mixed, servings=(other, open_)),)))
    assert [dict(each.labels)["revision"] for each in found.gateway.clusters] == ["r1"]


@pytest.mark.parametrize(
    ("hosts", "allowed"),
    [
        (("api.example.com",), True),
        (("*.example.com",), True),
        (("*",), True),
        ((), False),
        (("example.com", "*.api.example.com", "xapi.example.com"), False),
        (("*example.com",), False),
    ],
)
def test_hosts_are_those_that_the_administrator_allows(hosts, allowed):
    found = made(routed(route(external()), site=replace(SITE, hosts=hosts)))
    assert isinstance(targets(found)[0], Target) is allowed
    assert (("HostNotAllowed", "bot") in reasons(found)) is not allowed


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example.com", External("api.example.com", 443, "")),
        ("https://api.example.com/", External("api.example.com", 443, "")),
        ("https://api.example.com:8443/openai/v1/", External("api.example.com", 8443, "/openai/v1")),
    ],
)
def test_an_address_outside_is_taken_apart(url, expected):
    found = made(routed(route(external(url=url))))
    assert found.gateway.clusters[0].servers == expected


def test_a_backend_of_a_kind_that_is_not_known_is_told():
    wrong = {"name": "main", "type": "ModelDeployment"}
    assert reasons(made(routed(route(wrong)))) == [("BackendMissing", "bot")]


def test_images_by_address_are_a_providers_affair_and_never_an_engines():
    assert target(made(routed(route(external())))).remote_media
    assert not target(made(routed(route()))).remote_media
    assert not target(made(routed(route(local(), external(priority=1))))).remote_media


def test_the_objective_is_that_of_the_first_deployment_that_has_one():
    first, second = served(), served(models.model(name="second"))
    wanted = route(external(priority=0), local("a", priority=1), local("b", "second", priority=2))
    for one, other, expected in (
        (Objective(500, 50), Objective(9, 9), Objective(500, 50)),
        (Objective(), Objective(9, 9), Objective(9, 9)),
        (Objective(), Objective(), Objective()),
    ):
        known = (replace(first, objective=one), replace(second, objective=other))
        assert target(made(routed(wanted, models=known))).objective == expected


EMPTY = (Serving("r1", "VLLM", "chat"),)


@pytest.mark.parametrize(
    ("model", "more", "waits", "deployment"),
    [
        (served(), {}, False, "models/chat"),
        (served(saturated=True), {}, True, "models/chat"),
        (served(servings=EMPTY), {}, True, "models/chat"),
        (served(servings=()), {}, False, ""),
        (served(servings=EMPTY), {"waiting": {"maxSeconds": 0}}, False, ""),
        (served(servings=EMPTY), {"waiting": {"maxRequests": 0}}, False, ""),
        (served(saturated=True), {"backends": [local(), external(priority=1)]}, False, ""),
    ],
)
def test_requests_wait_where_nobody_can_take_them_now_and_somebody_will(model, more, waits, deployment):
    found = made(routed({**route(), **more}, models=(model,)))
    admission = target(found).admission
    assert (admission is not None) is waits
    assert admission is None or admission.seconds == 125
    assert admission is None or admission.optional
    assert found.terms.gateway.routes[0].deployment == deployment
    assert [each.name for each in found.terms.deployments] == ["models/chat"], "it is counted all the same"


def test_only_those_are_asked_about_for_whom_something_may_not_be_exceeded():
    hard = consumer({"budgets": [budget(mode="Hard")]}, name="hard")
    found = made(routed(route(), consumers=(hard, consumer())))
    asked, free = found.gateway.routes[0].branches
    assert (asked.reserves, asked.target.admission.seconds, free.target.admission) == ("Money", 125, None)
    assert not asked.target.admission.optional
    by_consumer = {each.consumer: each.policy for each in found.gateway.keys}
    policies = {each.name: each for each in found.gateway.policies}
    one = found.gateway.routes[0]
    assert one.branch(policies[by_consumer["hard"]], "") == asked
    assert one.branch(policies[by_consumer["site"]], "") == free


def test_without_the_ledger_all_go_on_but_those_with_a_hard_budget():
    hard = consumer({"budgets": [budget(mode="Hard")]}, name="hard")
    few = consumer({"limits": {"maxConcurrentRequests": 2}}, name="few")
    (calm,) = made(routed(route(), consumers=(few, hard, consumer()))).gateway.routes
    assert [(each.reserves, each.target.admission) for each in calm.branches] == [
        ("Money", Admission("ledger", 125)),
        ("Places", Admission("ledger", 125, optional=True)),
        ("", None),
    ]
    full = (served(saturated=True),)
    (busy,) = made(routed(route(), consumers=(few, hard, consumer()), models=full)).gateway.routes
    assert [(each.reserves, each.target.admission) for each in busy.branches] == [
        ("Money", Admission("ledger", 125)),
        ("", Admission("ledger", 125, optional=True)),
    ]


@pytest.mark.parametrize(
    ("known", "backends", "seconds"),
    [
        ((served(),), [local()], 125),
        ((served(servings=()),), [local()], 5),
        ((served(), served(models.model(name="next"))), [local(), local("b", "next", priority=1)], 5),
        ((served(),), [local(), external(priority=1)], 5),
        ((served(),), [local(), local("again", priority=1)], 125),
    ],
)
def test_an_answer_may_come_late_where_requests_wait_for_one_deployment(known, backends, seconds):
    hard = consumer({"budgets": [budget(mode="Hard")]}, name="hard")
    found = made(routed(route(*backends), consumers=(hard,), models=known))
    assert targets(found)[0].admission.seconds == seconds


def test_who_is_suspended_is_known_and_gets_nothing():
    found = made(seen(consumers=(consumer({"suspended": True}, name="left"), consumer())))
    assert len(found.gateway.keys) == 2
    denied = {each.client.rpartition(".")[2]: each.reason for each in found.gateway.denied}
    assert denied == {"left": "Suspended"}


def test_failover_is_limited_by_engines_that_answer_early_and_only_where_there_is_somewhere_to_go():
    further = [local(), external(priority=1)]
    llama = (replace(served().servings[0], engine="LlamaCpp"),)
    assert ("FailoverLimited", "bot") in reasons(made(routed(route(*further))))
    assert ("FailoverLimited", "bot") not in reasons(made(routed(route())))
    assert ("FailoverLimited", "bot") not in reasons(made(routed(route(*further), models=(served(servings=llama),))))


def priced(price: dict[str, Any], *backends: dict[str, Any]) -> bool:
    found = made(seen(gateway({"routes": [route(*backends)], "prices": [PRICE | price]})))
    return ("Unpriced", "bot") not in reasons(found)


def test_a_price_is_of_a_model_and_where_it_says_so_of_a_backend_and_holds_from_its_time():
    assert priced({})
    assert priced({"backend": "main"})
    assert not priced({"backend": "other"})
    assert not priced({"model": "bot"})
    assert priced({"effectiveTime": "2026-11-24T12:00:00Z"})
    assert not priced({"effectiveTime": "2026-11-24T12:00:01Z"})
    assert not priced({"effectiveTime": "9999-01-01T00:00:00Z"})
    assert priced({"effectiveTime": "1900-01-01T00:00:00Z"})
    assert not priced({}, local(), external(priority=1))
    assert not priced({"outputPerMillion": 1_000_001})
    assert priced({"outputPerMillion": 1_000_000})


def test_a_hard_budget_is_told_of_models_that_it_cannot_reckon():
    names = [f"m{number}" for number in range(5)]
    hard = consumer({"budgets": [budget(mode="Hard")], "models": ["m*"]}, name="hard")
    soft = consumer({"budgets": [budget()], "models": ["m*"]}, name="soft")
    found = made(seen(gateway({"routes": [route(model=each) for each in names]}), consumers=(hard, soft)))
    (finding,) = [each for each in found.findings if each.kind == "Consumer"]
    assert (finding.name, finding.reason) == ("hard", "Unpriced")
    assert finding.message == "Gateway models/public has no price for m0, m1, m2 and 2 more."
    some = made(seen(gateway({"routes": [route(model="m0")]}), consumers=(hard,)))
    assert "for m0." in next(each for each in some.findings if each.kind == "Consumer").message


@pytest.mark.parametrize(
    ("pattern", "fits"), [("bot", True), ("b*", True), ("*", True), ("bo", False), ("c*", False), ("bots*", False)]
)
def test_an_entry_that_fits_no_model_is_told(pattern, fits):
    found = made(routed(route(), route(model="a"), consumers=(consumer({"models": [pattern]}),)))
    assert (("NoSuchModel", pattern) in reasons(found, "Consumer")) is not fits


def test_an_entry_is_wrong_only_if_it_fits_no_model_of_any_gateway():
    refs = [{"name": "public"}, {"name": "other"}]
    calling = consumer({"gatewayRefs": refs, "models": ["bot", "a", "nothing"]})
    first, second = (
        made(seen(gateway({"routes": [route(model=model)]}, name=name), consumers=(calling,)), {})
        for name, model in (("public", "bot"), ("other", "a"))
    )
    about = [[each for each in found.findings if each.kind == "Consumer"] for found in (first, second)]
    assert [(each.reason, each.subject) for each in everywhere(about)] == [
        ("NoSuchModel", "nothing"),
        ("NoSuchModel", "nothing"),
        ("SecretMissing", ""),
    ]
    assert everywhere([]) == []
    assert len(everywhere(about[:1])) == 3


def test_without_routes_no_entry_fits_and_the_gateway_says_so():
    found = made(seen(gateway({"routes": []}), consumers=(consumer({"models": ["*"]}),)))
    assert reasons(found) == [("NoRoutes", "")]
    assert reasons(found, "Consumer") == [("NoSuchModel", "*")]


def test_a_route_that_only_the_last_filter_finds_fault_with_is_refused_and_told_once():
    found = made(routed(route(external(url="https://api.example.com/.dots")), route(model="b")))
    assert targets(found) == [UNAVAILABLE]
    assert isinstance(targets(found, "b")[0], Target)
    assert [each for each in reasons(found) if each[0] == "InvalidSpec"] == [("InvalidSpec", "bot")]
    assert not [each for each in found.gateway.clusters if isinstance(each.servers, External)]


def test_a_ledger_that_cannot_be_asked_takes_the_routes_that_need_it_and_no_others():
    site = replace(SITE, ledger=Service("ledger", "10.0.0.1", 1))
    waiting = (served(), served(models.model(name="zero"), servings=EMPTY))
    found = made(routed(route(), route(local(model="zero"), model="z"), models=waiting, site=site))
    assert isinstance(targets(found)[0], Target)
    assert targets(found, "z") == [UNAVAILABLE]
    assert {each for each in reasons(found) if each[0] == "InvalidSpec"} == {("InvalidSpec", ""), ("InvalidSpec", "z")}


def test_a_policys_problem_is_that_of_all_consumers_who_have_it():
    given = seen()
    found = made(given)
    calling, _ = callers(given)
    problem = Problem("Policy", found.gateway.policies[0].name, "No.")
    other = Problem("Policy", "external.none", "No.")
    (finding,) = told([problem, other], found.gateway, given, calling)
    assert (finding.kind, finding.name, finding.message) == ("Consumer", "site", "No.")


def test_with_an_adapter_its_answers_are_checked_and_without_one_nobody_is_answered_unchecked():
    wanted = route(responseSchemaRef={"name": "schemas", "key": "a"})
    texts = {("schemas", "a"): "{}"}
    found = made(routed(wanted, texts=texts))
    assert targets(found) == [UNAVAILABLE]
    assert (reasons(found), found.gateway.adapter_port) == ([("NotChecked", "bot")], 0)
    found = made(routed(wanted, texts=texts, site=replace(SITE, adapter=True)))
    (target,) = targets(found)
    assert isinstance(target, Target)
    assert (target.check, found.gateway.adapter_port) == (Check("{}"), 9004)
    assert [each.cluster for group in target.groups for each in group] == [each.name for each in found.gateway.clusters]
    assert [(each.name, each.model) for each in found.terms.gateway.routes[0].backends] == [("main", "chat")]


def test_spans_go_to_the_collector_that_the_administrator_names():
    assert made().gateway.tracing is None
    collector = Service("traces", "otel.monitoring.svc", 4318)
    found = made(seen(site=replace(SITE, collector=collector, traced_percent=7))).gateway
    assert (found.tracing, found.services) == (Tracing("traces", 7), (SITE.ledger, collector))


def test_a_collector_that_cannot_be_used_costs_nothing_but_the_spans():
    found = made(seen(site=replace(SITE, collector=Service("traces", "10.0.0.1", 4318)))).gateway
    assert "tracing" not in json.dumps(documents_of(found, {}, "/f")["lds.json"])


MIRRORED = route(local(), local("shadow", "next", weight=0), mirror={"backend": "shadow", "weightPercent": 5})


def test_copies_go_to_a_cluster_of_their_own_which_answers_nobody():
    known = (served(), served(models.model(name="next")))
    found = made(routed(MIRRORED, models=known))
    one = target(found)
    assert one.mirror.percent == 5
    assert [each.name for each in found.gateway.clusters if each.name.endswith("_mirror")] == [one.mirror.cluster]
    assert [[share.weight for share in group] for group in one.groups] == [[100]]
    assert [each.name for each in found.terms.gateway.routes[0].backends] == ["main"]


def test_where_there_is_nobody_for_copies_requests_are_answered_all_the_same():
    found = made(routed(MIRRORED))
    assert (target(found).mirror, reasons(found)) == (None, [("BackendMissing", "bot")])
    assert found.unhealthy == ()


def test_of_several_revisions_the_one_with_the_largest_share_gets_the_copies():
    one = served(models.model(name="next")).servings[0]
    servings = (replace(one, revision="few"), replace(one, revision="many", endpoints=(ADDRESS, ADDRESS)))
    known = (served(), replace(served(models.model(name="next")), servings=servings))
    assert target(made(routed(MIRRORED, models=known))).mirror.cluster.startswith("next_many_")


def test_an_engine_that_gets_copies_of_a_providers_requests_fetches_nothing():
    wanted = route(external(), local("shadow", weight=0), mirror={"backend": "shadow", "weightPercent": 5})
    assert not target(made(routed(wanted))).remote_media


def test_without_authentication_everybody_is_an_external_caller_and_no_key_is_needed():
    found = made(seen(gateway({"authentication": "None"})))
    (policy,) = found.gateway.policies
    assert (found.gateway.anonymous, policy.audience, policy.models) == (policy.name, "External", ("*",))
    assert (found.gateway.keys, found.terms.consumers, found.terms.gateway.anonymous) == ((), (), True)
    assert made(seen()).gateway.anonymous == ""


def test_what_is_given_to_all_gateways_and_what_one_asks_for_come_together():
    limits = {"maxRequestBytes": 2048, "maxConnections": 7, "maxStreamsPerConnection": 3}
    listener = {"port": 443, "tls": {"secretRef": {"name": "gw-tls"}}}
    provider = external(external={"baseUrl": "https://api.example.org", "secretRef": {"name": "p", "key": "token"}})
    spec = {"limits": limits, "listener": listener, "routes": [route(local(), {**provider, "priority": 1})]}
    found = made(seen(gateway(spec), site=replace(SITE, port=8443, heap_bytes=1), peers=(Endpoint("10.0.2.1", 8443),)))
    one = found.gateway.listener
    assert (one.port, one.limits.max_request_bytes, one.limits.max_connections) == (8443, 2048, 7)
    assert (one.limits.max_streams_per_connection, one.limits.heap_bytes) == (3, 1)
    assert one.tls.certificate == "/etc/paceline/secrets/gw-tls/tls.crt"
    assert found.gateway.peers == (Endpoint("10.0.2.1", 8443),)
    assert found.gateway.services == (LEDGER,)
    # Also of a host that is not allowed now: when it is, no pod must be another for it.
    assert found.mounts == {"gw-tls": ("tls.crt", "tls.key"), "p": ("token",)}


def test_no_key_is_in_what_a_translation_says():
    secret = KEY.format("secret")
    assert secret not in repr(made(seen(consumers=(consumer({"credentials": [key()]}),)), {"models/keys/k1": secret}))
    assert secret not in repr(made(seen(), {"models/keys/k1": secret + " with a space"}))
