"""Limits per minute, each consumer's own and shared by the gateway's pods."""

from __future__ import annotations

import json
from dataclasses import replace

from paceline.gateway.ir import Branch, Endpoint, Gateway, Policy, Route
from tests.support.door import SECRETS, STAFF, Door
from tests.support.envoy import LOOPBACK
from tests.support.neutral import answered_by, key
from tests.support.worlds import eventually

FEW = Policy("External", "fe00fe00", ("*",), requests_per_minute=4)
SHORT = Policy("External", "5e005e00", ("*",), tokens_per_minute=1000)


def limited(gateway: Gateway, policy: Policy) -> Gateway:
    """Two consumers of a limited policy, and one of another."""
    keys = (key(policy, "a", "public"), key(policy, "b", "other"), key(STAFF, "staff", "staff"))
    return replace(gateway, policies=(policy, STAFF), keys=keys)


async def many(door: Door, who: str, **more: object) -> list[int]:
    return [(await door.ask("public-b", who, **more)).status for _ in range(6)]


def limit(door: Door, policy: Policy, **more: object) -> None:
    SECRETS["other"] = door.running.secrets["other"] = "pl_not-a-real-key-other-0001"
    door.running.change(replace(limited(door.running.gateway, policy), **more))  # type: ignore[arg-type]


async def test_requests_per_minute_are_each_consumer_s_own(door: Door) -> None:
    limit(door, FEW)
    assert await many(door, "public") == [200] * 4 + [429] * 2
    refused = await door.ask("public-b")
    assert refused.error == (429, "rate_limit_exceeded")
    assert "requestsPerMinute" in json.loads(refused.text)["error"]["message"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert await many(door, "other") == [200] * 4 + [429] * 2
    assert await many(door, "staff") == [200] * 6


async def test_tokens_per_minute_are_estimated_by_prompt_and_bound(door: Door) -> None:
    limit(door, SHORT)
    assert await many(door, "public", max_tokens=300) == [200] * 3 + [429] * 3
    refused = await door.ask("public-b", max_tokens=300)
    assert "tokensPerMinute" in json.loads(refused.text)["error"]["message"]
    assert (await door.ask("public-b", max_tokens=5)).status == 200
    assert (await door.ask("public-b", "other", n=128, max_tokens=2**31 - 1)).status == 429
    assert (await door.ask("public-b", "other", messages=[{"role": "user", "content": "x" * 8000}])).status == 429


async def test_a_change_of_routes_or_keys_does_not_begin_the_minute_anew(door: Door) -> None:
    limit(door, FEW)
    assert await many(door, "public") == [200] * 4 + [429] * 2
    gateway = door.running.gateway
    door.change(routes=(*gateway.routes, Route("new", (Branch(answered_by("second")),))), keys=gateway.keys[:2])
    assert (await door.ask("new", "other")).status == 200
    assert (await door.ask("public-b")).status == 429


async def test_each_of_several_pods_allows_its_part(door: Door) -> None:
    limit(door, FEW, peers=tuple(Endpoint(LOOPBACK, port) for port in (1, 2)))
    await eventually(
        lambda: (
            '"127.0.0.1:2' in door.running.proxy.admin("/clusters")
            or "127.0.0.1:2:" in door.running.proxy.admin("/clusters")
        ),
        10,
    )
    assert (await many(door, "other")).count(200) == 2
