"""Which server answers: by policy, by class, by weight, by what it has seen."""

from __future__ import annotations

import json
from dataclasses import replace

from paceline.gateway.ir import Branch, Cluster, Endpoint, Pods, Policy, Refusal, Route, Share, Target
from tests.support.door import PUBLIC, STAFF, Door, answer
from tests.support.envoy import LOOPBACK, Server, serving
from tests.support.neutral import answered_by, key
from tests.support.worlds import eventually


async def model_of(door: Door, model: str, who: str = "public", **more: object) -> str | None:
    found = await door.ask(model, who, **more)
    return json.loads(found.text)["model"] if found.status == 200 else found.error[1]


async def test_audiences_are_answered_each_its_own_way(door: Door) -> None:
    door.change(
        routes=(
            Route("public-a", (Branch(answered_by("first"), ("External",)), Branch(answered_by("second")))),
            Route("public-b", (Branch(answered_by("first"), ("Internal",)),)),
        )
    )
    assert await model_of(door, "public-a") == "engine-a"
    assert await model_of(door, "public-a", "staff") == "engine-b"
    assert await model_of(door, "public-b") == "model_not_allowed"
    assert await model_of(door, "public-b", "staff") == "engine-a"


async def test_a_model_that_nobody_may_answer_yet_says_why_and_to_come_back(door: Door) -> None:
    closed = Refusal("route_not_governed", "This model has no level of automation.")
    door.change(routes=(Route("public-a", (Branch(closed),)),))
    found = await door.ask("public-a")
    assert found.error == (503, "route_not_governed")
    assert json.loads(found.text)["error"]["message"] == closed.message
    assert int(found.headers["retry-after"]) > 0
    assert not door.first.seen


async def test_who_reserves_is_answered_by_a_branch_of_its_own(door: Door) -> None:
    bound = replace(PUBLIC, digest="b0b0b0b0", reserves="Money")
    door.change(
        policies=(bound, STAFF),
        keys=(key(bound, "acme", "public"), key(STAFF, "staff", "staff")),
        routes=(Route("public-a", (Branch(answered_by("second"), reserves="Money"), Branch(answered_by("first")))),),
    )
    assert await model_of(door, "public-a") == "engine-b"
    assert await model_of(door, "public-a", "staff") == "engine-a"


async def test_a_class_is_believed_from_those_alone_whose_policy_trusts_them(door: Door) -> None:
    trusted = replace(STAFF, digest="7e7e7e7e", trusts_class=True)
    fixed = replace(PUBLIC, digest="f1f1f1f1", request_class="orders")
    door.change(
        policies=(PUBLIC, trusted, fixed),
        keys=(key(PUBLIC, "acme", "public"), key(trusted, "staff", "staff")),
        routes=(
            Route("public-a", (Branch(answered_by("second"), request_class="orders"), Branch(answered_by("first")))),
        ),
    )
    orders = {"headers": {"x-paceline-request-class": "orders"}}
    assert await model_of(door, "public-a", **orders) == "engine-a"
    assert await model_of(door, "public-a", "staff", **orders) == "engine-b"
    assert await model_of(door, "public-a", "staff") == "engine-a"
    assert "x-paceline-request-class" not in dict(door.second.seen[0]["headers"])
    door.change(keys=(key(fixed, "acme", "public"),))
    assert await model_of(door, "public-a") == "engine-b"


async def test_a_class_that_nobody_knows_gets_not_what_the_consumers_own_class_may_have(door: Door) -> None:
    own = replace(PUBLIC, digest="7e7e7e7e", trusts_class=True, trusts_conversation=True, request_class="orders")
    door.change(
        policies=(own, STAFF),
        keys=(key(own, "acme", "public"), key(STAFF, "staff", "staff")),
        routes=(
            Route("public-a", (Branch(answered_by("second"), request_class="orders"), Branch(answered_by("first")))),
        ),
    )
    assert await model_of(door, "public-a") == "engine-b"
    for name, model in (("orders", "engine-b"), ("refunds", "engine-a")):
        assert await model_of(door, "public-a", headers={"x-paceline-request-class": name}) == model
    said = {"headers": {"x-paceline-request-class": "refunds", "x-paceline-conversation-id": "thread-7"}}
    record = await door.running.record((await door.ask("public-a", **said)).id)
    asked = json.loads(record["request"])
    assert (asked["class"], asked["conversation"]) == ("refunds", "thread-7")
    record = await door.running.record((await door.ask("public-a", "staff", **said)).id)
    assert "thread-7" not in json.dumps(record)
    assert not [name for each in door.first.seen for name, _ in each["headers"] if name.startswith("x-paceline")]


async def test_a_reviewer_says_that_it_reviews(door: Door) -> None:
    reviewer = Policy("Reviewer", "9e9e9e9e", ("*",))
    door.change(policies=(PUBLIC, reviewer), keys=(key(PUBLIC, "acme", "public"), key(reviewer, "staff", "staff")))
    for path in ("/v1/chat/completions", "/v1/models"):
        refused = await door.ask("public-b", "staff", path=path)
        assert refused.error == (403, "purpose_required")
        assert json.loads(refused.text)["error"]["type"] == "invalid_request_error"
    assert await model_of(door, "public-b", "staff", headers={"x-paceline-purpose": "review"}) == "engine-b"
    assert "x-paceline-purpose" not in dict(door.second.seen[-1]["headers"])
    assert await model_of(door, "public-b") == "engine-b"


async def test_a_service_of_ours_learns_what_the_gateway_knows(door: Door) -> None:
    ours = [replace(each, ours=each.name == "second") for each in door.running.gateway.clusters]
    door.change(clusters=tuple(ours), routes=(Route("fallback", (Branch(answered_by("second", "first")),)),))
    forged = {"x-paceline-conversation-id": "of-somebody-else"}
    assert (await door.ask("fallback", headers=forged)).status == 200
    headers = dict(door.second.seen[0]["headers"])
    assert (headers["x-pl-client"], headers["x-pl-model"]) == ("external.ab12cd34.ns.acme", "fallback")
    assert headers["authorization"] == "Bearer token-of-second"
    assert "x-paceline-conversation-id" not in headers


async def test_shares_of_a_priority_follow_the_weights(door: Door) -> None:
    shares = ((Share("first", 90), Share("second", 10)),)
    door.change(routes=(Route("public-a", (Branch(Target(shares)),)),))
    found = [await model_of(door, "public-a") for _ in range(200)]
    assert 5 <= found.count("engine-b") <= 45
    assert set(found) == {"engine-a", "engine-b"}


async def test_conversations_stay_where_they_began(door: Door) -> None:
    servers = [Server(f"engine-{number}", answer) for number in range(3)]
    async with serving(*servers):
        pods = Pods(tuple(Endpoint(LOOPBACK, each.port) for each in servers))
        cluster = Cluster("affine", pods, "m", balance="PrefixAffinity")
        door.change(
            clusters=(*door.running.gateway.clusters, cluster),
            routes=(Route("public-a", (Branch(answered_by("affine")),)),),
        )
        for talk in range(12):
            begin = [{"role": "system", "content": f"talk {talk} " + "x" * 1100}]
            for turn in range(4):
                assert (
                    await door.ask("public-a", messages=[*begin, {"role": "user", "content": str(turn)}])
                ).status == 200
    where: dict[str, set[str]] = {}
    for server in servers:
        for seen in server.seen:
            where.setdefault(seen["body"]["messages"][0]["content"][:8], set()).add(server.name)
    assert len(where) == 12
    assert all(len(each) == 1 for each in where.values())
    assert len(set.union(*where.values())) > 1


async def test_a_server_that_comes_or_goes_is_noticed(door: Door) -> None:
    pods = {each.name: each for each in door.running.gateway.clusters}
    both = replace(
        pods["second"], servers=Pods((Endpoint(LOOPBACK, door.first.port), Endpoint(LOOPBACK, door.second.port)))
    )
    for cluster, wanted in ((both, 2), (pods["second"], 1)):
        door.first.seen.clear()
        door.second.seen.clear()
        door.change(clusters=(*(each for each in pods.values() if each.name != "second"), cluster))

        async def spread(wanted: int = wanted) -> bool:
            door.first.seen.clear()
            door.second.seen.clear()
            for _ in range(12):
                assert await model_of(door, "public-b") == "engine-b"
            return bool(door.first.seen) + bool(door.second.seen) == wanted

        await eventually(spread, 3)


async def test_without_keys_everybody_is_a_caller_from_outside(door: Door) -> None:
    everybody = Policy("External", "000000", ("public-*",))
    door.change(policies=(everybody,), keys=(), anonymous=everybody.name)

    async def served() -> bool:
        return (await door.ask("public-b", who="anything")).status == 200

    await eventually(served, 10)
    found = await door.ask("public-b", who="anything", headers={"x-pl-client": "internal.0f0f0f0f.ns.staff"})
    record = await door.running.record(found.id)
    assert json.loads(record["request"])["client"] == "external.000000.ns._anybody"
    assert "anything" not in json.dumps(door.second.seen[-1]["headers"])
    assert (await door.ask("secret", who="anything")).status in {403, 404}
