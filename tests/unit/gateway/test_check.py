"""Each object's problems are its own, and what is left can be served."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from paceline.gateway.check import MAX_PROMPT_BYTES, MAX_SCHEMA_BYTES, check, sound
from paceline.gateway.ir import (
    Admission,
    Branch,
    Check,
    Cluster,
    Endpoint,
    External,
    Gateway,
    Key,
    Listener,
    Mirror,
    Pods,
    Policy,
    Problem,
    Prompt,
    Refusal,
    Route,
    Service,
    Share,
    Target,
)
from tests.support import neutral
from tests.support.neutral import SECRETS, answered_by, full


def with_target(**more: Any) -> Gateway:
    return replace(full(), routes=(Route("m", (Branch(answered_by("embed", **more)),)),))


def groups(*shares: Share) -> Gateway:
    return replace(full(), routes=(Route("m", (Branch(Target((shares,))),)),))


def found(gateway: Gateway, secrets: dict[str, str] | None = None) -> list[tuple[str, str]]:
    return [(each.kind, each.name) for each in check(gateway, SECRETS if secrets is None else secrets)]


@pytest.mark.parametrize("case", neutral.CASES)
def test_the_cases_have_no_problems(case: str) -> None:
    assert found(neutral.CASES[case]()) == []


WRONG = {
    "hostname": (replace(full(), listener=Listener(1, hostnames=("a b",))), ("Gateway", "public")),
    "ports": (replace(full(), admin_port=9002), ("Gateway", "public")),
    "anonymous": (replace(full(), anonymous="external.nobody"), ("Gateway", "public")),
    "digest": (replace(full(), policies=(*full().policies, Policy("Internal", "x y", ()))), ("Policy", "internal.x y")),
    "pattern": (
        replace(full(), policies=(*full().policies, Policy("Internal", "aaaaaa", ("a*b",)))),
        ("Policy", "internal.aaaaaa"),
    ),
    "limit": (
        replace(full(), policies=(*full().policies, Policy("Internal", "aaaaaa", (), tokens_per_minute=-1))),
        ("Policy", "internal.aaaaaa"),
    ),
    "model": (replace(full(), routes=(Route("a b", (Branch(answered_by("embed")),)),)), ("Route", "a b")),
    "no branch": (replace(full(), routes=(Route("m", ()),)), ("Route", "m")),
    "no group": (replace(full(), routes=(Route("m", (Branch(Target(())),)),)), ("Route", "m")),
    "no weight": (groups(Share("embed", 0)), ("Route", "m")),
    "no cluster": (groups(Share("nobody")), ("Route", "m")),
    "times": (with_target(first_byte_seconds=9, timeout_seconds=8), ("Route", "m")),
    "prompt": (with_target(prompt=Prompt("p@1", "é" * MAX_PROMPT_BYTES)), ("Route", "m")),
    "admission": (with_target(admission=Admission("nobody", 1)), ("Route", "m")),
    "no cluster for copies": (with_target(mirror=Mirror("nobody", 5)), ("Route", "m")),
    "copies of none": (with_target(mirror=Mirror("review", 0)), ("Route", "m")),
    "copies of more than all": (with_target(mirror=Mirror("review", 101)), ("Route", "m")),
    "refusal": (replace(full(), routes=(Route("m", (Branch(Refusal("no code", "No.")),)),)), ("Route", "m")),
    "refusal's status": (replace(full(), routes=(Route("m", (Branch(Refusal("no", "No.", 200)),)),)), ("Route", "m")),
    "no adapter": (with_target(check=Check("{}")), ("Route", "m")),
    "schema": (replace(with_target(check=Check("é" * MAX_SCHEMA_BYTES)), adapter_port=9004), ("Route", "m")),
    "port of the adapter": (replace(full(), adapter_port=9005), ("Gateway", "public")),
    "service": (replace(with_target(), services=(Service("ledger", "10.0.0.1", 1),)), ("Service", "ledger")),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_problem_is_found_and_is_the_object_s_own(case: str) -> None:
    gateway, owner = WRONG[case]
    assert found(gateway) == [owner]


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"name": "Upper"}, "name"),
        ({"name": "agent"}, "name"),
        ({"name": "a.b"}, "name"),
        ({"name": "../../etc/x"}, "name"),
        ({"model": "a b"}, "model"),
        ({"servers": External("10.0.0.1")}, "host"),
        ({"servers": External("0x7f.1")}, "host"),
        ({"servers": External("localhost")}, "host"),
        ({"servers": External("API.example.com")}, "host"),
        ({"servers": External("api.example.com", path="/v1/../x")}, "path"),
        ({"servers": External("api.example.com", path="/v1?x")}, "path"),
        ({"servers": External("api.example.com", path="/v1\r\nx: y")}, "path"),
        ({"servers": Pods((Endpoint("10.0.0.1", 1),), "/a b")}, "path"),
        ({"servers": Pods((Endpoint("10.0.0.1", 1), Endpoint("10.0.0.256", 1)))}, "10.0.0.256"),
        ({"servers": Pods((Endpoint("engine.example.com", 1),))}, "engine.example.com"),
        ({"servers": Pods((Endpoint("::1", 0),))}, "::1"),
        ({"servers": Pods((Endpoint("10.0.0.1", 65536),))}, "65536"),
    ],
)
def test_a_cluster_s_problem_is_the_cluster_s(more: dict[str, Any], word: str) -> None:
    cluster = replace(Cluster("good", Pods(), "m"), **more)
    (problem,) = check(replace(full(), clusters=(*full().clusters, cluster)), SECRETS)
    assert (problem.kind, problem.name) == ("Cluster", cluster.name)
    assert word in problem.message


def test_a_route_cannot_be_answered_by_a_cluster_with_problems() -> None:
    gateway = replace(full(), clusters=(replace(full().clusters[-1], model=""), *full().clusters[:-1]))
    assert found(gateway) == [("Cluster", "embed"), ("Route", "embed"), ("Route", "nobody/s")]
    left = sound(gateway, check(gateway, SECRETS))
    assert [route.model for route in left.routes] == ["support-bot", "closed"]
    assert found(left) == []


@pytest.mark.parametrize("value", [None, "short", "with a space in the middle", "é" * 30])
def test_a_key_that_cannot_be_one_lets_nobody_in(value: str | None) -> None:
    secrets = {name: each for name, each in SECRETS.items() if name != "ns/staff-key/token"}
    secrets |= {} if value is None else {"ns/staff-key/token": value}
    assert found(full(), secrets) == [("Key", "ns/staff-key/token")]
    left = sound(full(), check(full(), secrets))
    assert [key.consumer for key in left.keys] == ["acme", "acme", "reviewer", "bound", "seated"]


def test_two_consumers_with_one_key_are_both_kept_out() -> None:
    secrets = SECRETS | {"ns/staff-key/token": SECRETS["ns/acme-key/token"]}
    assert found(full(), secrets) == [("Key", "ns/acme-key/token"), ("Key", "ns/staff-key/token")]


def test_a_key_needs_a_policy_and_names() -> None:
    keys = (
        Key("internal.none", "ns", "a", "ns/acme-key/token"),
        Key("external.ab12cd34", "n.s", "a", "ns/staff-key/token"),
    )
    assert found(replace(full(), keys=keys)) == [("Key", "ns/acme-key/token"), ("Key", "ns/staff-key/token")]


def test_two_objects_of_one_name_are_a_problem_of_that_name() -> None:
    gateway = full()
    twice = replace(gateway, routes=(*gateway.routes, gateway.routes[0]))
    assert found(twice) == [("Route", "support-bot")]


def test_problems_are_in_order_and_in_words() -> None:
    gateway = replace(full(), routes=(Route("z", ()), Route("a", ())))
    assert check(gateway, SECRETS) == (
        Problem("Route", "a", "Nobody answers."),
        Problem("Route", "z", "Nobody answers."),
    )


@pytest.mark.parametrize(
    ("patterns", "model", "allowed"),
    [
        (("a",), "a", True),
        (("a",), "ab", False),
        (("a*",), "ab", True),
        (("*",), "anything", True),
        ((), "a", False),
        (("a[b]",), "ab", False),
        (("A*",), "ab", False),
    ],
)
def test_models_are_allowed_by_name_or_by_how_they_begin(patterns: tuple[str, ...], model: str, allowed: bool) -> None:
    assert (model in Policy("Internal", "000000", patterns).allowed([model])) == allowed


def test_what_is_wrong_with_tokens_is_told_of_each() -> None:
    right = neutral.tokens().identities
    wrong = [
        replace(right[0], policy="internal.none"),
        replace(right[1], issuer="https://nobody.example.com"),
        replace(right[2], consumer="n.s"),
    ]
    for each in wrong:
        given = replace(neutral.tokens(), identities=(each,))
        assert found(given) == [("Identity", each.name)]
        assert sound(given, check(given, SECRETS)).identities == ()
    twice = replace(neutral.tokens(), identities=(right[0], replace(right[0], consumer="other")))
    assert found(twice) == [("Identity", right[0].name)]
