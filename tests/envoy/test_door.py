"""Who gets in, to what, and what is said to the others."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from paceline.gateway.ir import Denied
from tests.support.door import PUBLIC, Door
from tests.support.worlds import eventually

#: Long from now.
END_US = 4_000_000_000_000_000


async def test_a_key_opens_its_models_and_no_others(door: Door) -> None:
    assert (await door.ask("public-a")).status == 200
    assert (await door.ask("public-b")).status == 200
    assert (await door.ask("secret", "staff")).status == 200
    assert (await door.ask("secret")).error == (403, "model_not_allowed")
    assert (await door.ask("public-c")).error == (404, "model_not_found")
    assert (await door.ask("public-c", "staff")).error == (404, "model_not_found")
    assert [each["body"]["model"] for each in (*door.first.seen, *door.second.seen)] == ["engine-a"] + ["engine-b"] * 2


async def test_nobody_gets_in_without_a_key(door: Door) -> None:
    wrong = [{"authorization": ""}, {"authorization": "Bearer x"}, {"authorization": "Basic cHVibGljOg=="}]
    for headers in wrong:
        refused = await door.ask(headers=headers)
        assert refused.error == (401, "invalid_api_key")
        assert "x-request-id" in refused.headers
    key = "pl_not-a-real-key-public-01"
    assert (await door.ask(who="", path=f"/v1/chat/completions?api_key={key}")).error == (401, "invalid_api_key")
    assert not door.first.seen
    assert key not in json.dumps(door.running.records())


async def test_servers_get_their_own_key_and_nothing_of_ours(door: Door) -> None:
    private = {"cookie": "a=b", "openai-organization": "o", "api-key": "k", "x-forwarded-for": "1.2.3.4"}
    forged = {"x-pl-client": "internal.0f0f0f0f.ns.staff", "x-pl-model": "secret", "x-pl-policy": "internal.0f0f0f0f"}
    assert (await door.ask("public-a", headers=private | forged | {"x-request-id": "chosen"})).status == 200
    headers = dict(door.first.seen[0]["headers"])
    assert headers["authorization"] == "Bearer token-of-first"
    assert headers["x-request-id"] != "chosen"
    left = set(headers) - {"host", "accept", "accept-encoding", "user-agent", "content-type", "content-length"}
    assert left == {"authorization", "x-request-id"}
    assert (await door.ask("secret", headers=forged)).error == (403, "model_not_allowed")


async def test_clients_learn_nothing_of_servers(door: Door) -> None:
    found = await door.ask("public-a", stream=True)
    assert found.status == 200
    assert set(found.headers) <= {
        *("content-type", "date", "server", "transfer-encoding", "x-request-id", "content-length", "connection")
    }
    assert found.headers["server"] == "paceline"


async def test_the_model_that_counts_is_the_one_at_the_top(door: Door) -> None:
    decoy = {"metadata": {"model": "secret"}, "user": '","model":"secret'}
    assert (await door.ask("public-b", **decoy)).status == 200
    assert door.second.seen[-1]["body"] | {"messages": [], "max_completion_tokens": 0} == {
        "model": "engine-b",
        "messages": [],
        "max_completion_tokens": 0,
        **decoy,
    }
    twice = b'{"model":"public-a","messages":[],"mode\\u006c":"secret"}'
    refused = await door.ask(content=twice)
    assert refused.error == (400, "duplicate_parameter")
    assert json.loads(refused.text)["error"]["param"] == "model"
    assert (await door.ask(content=b'{"model":"public-a","messages":[],"Model":"secret"}')).status == 400


async def test_a_model_far_behind_two_megabytes_is_found(door: Door) -> None:
    messages = [{"role": "user", "content": '{"model":"secret"} ' * 100_000}]
    content = json.dumps({"messages": messages, "model": "public-b"}).encode()
    assert (await door.ask(content=content)).status == 200
    assert door.second.seen[-1]["body"]["messages"] == messages
    assert door.second.seen[-1]["body"]["model"] == "engine-b"


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"content": b""}, (400, "invalid_json")),
        ({"content": b"{"}, (400, "invalid_json")),
        ({"content": b"\xff"}, (400, "invalid_json")),
        ({"max_tokens": -1}, (400, "invalid_value")),
        ({"stream": "true"}, (400, "invalid_type")),
        ({"headers": {"content-type": "text/plain"}}, (415, "unsupported_media_type")),
        ({"headers": {"content-encoding": "gzip"}}, (415, "unsupported_media_type")),
        ({"method": "GET"}, (405, "method_not_allowed")),
        ({"path": "/v1/files"}, (404, "unknown_url")),
        ({"path": "/"}, (404, "unknown_url")),
        ({"path": "/v1/chat%2fcompletions"}, (400, "invalid_request")),
        ({"headers": {"x_y": "underscore"}}, (400, "invalid_request")),
        ({"headers": {f"x-{number}": "" for number in range(200)}}, (431, "headers_too_large")),
        ({"content": b"x" * (32 * 1024 * 1024 + 1)}, (413, "request_too_large")),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_errors_have_the_form_of_the_openai_api(door: Door, more: dict[str, Any], error: tuple[int, str]) -> None:
    found = await door.ask(**more)
    assert found.error == error
    assert set(json.loads(found.text)["error"]) == {"message", "type", "param", "code"}
    assert found.headers["content-type"] == "application/json"
    assert not door.first.seen


async def test_the_agent_answers_which_models_there_are(door: Door) -> None:
    found = await door.ask(path="/v1/models", method="GET")
    assert json.loads(found.text) == {"data": [], "for": "external.ab12cd34.ns.acme"}
    assert (await door.ask(path="/v1/models/public-a", method="GET")).status == 200
    assert (await door.ask(path="/v1/models", method="GET", who="x")).status == 401


async def test_who_is_denied_gets_nothing_until_it_is_over(door: Door) -> None:
    async def result() -> int | tuple[int, str | None]:
        found = await door.ask()
        return found.status if found.status == 200 else found.error

    async def becomes(wanted: object) -> None:
        async def look() -> bool:
            return await result() == wanted

        await eventually(look, 1, f"{wanted}")

    spent = ("Budget", "month", END_US)
    for more, error, later in (
        (("Budget",), (429, "insufficient_quota"), None),
        (spent, (429, "insufficient_quota"), None),
        (("Suspended",), (403, "consumer_suspended"), None),
        (("Unasked",), (503, "admission_unavailable"), "10"),
    ):
        door.change(denied=(Denied(f"{PUBLIC.name}.ns.acme", *more), Denied("external.ab12cd34.ns.other", "Budget")))
        await becomes(error)
        found = await door.ask()
        told = found.headers.get("retry-after")
        if more == spent:
            assert abs(int(told) + time.time() - END_US // 1_000_000) < 3
            assert json.loads(found.text)["error"]["message"] == 'The budget "month" of this key is used up.'
        else:
            assert told == later
        assert (await door.ask("secret", "staff")).status == 200
        door.change(denied=())
        await becomes(200)
