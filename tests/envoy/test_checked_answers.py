"""Answers that are checked: what clients get, what servers are asked, and what is recorded, through a real Envoy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio
from aiohttp import web

from paceline.adapter.settings import Settings
from paceline.gateway.check import check
from paceline.gateway.ir import Branch, Check, Prompt, Route
from paceline.gateway.journal import Journal
from paceline.gateway.lines import parse
from paceline.gateway.underway import Gate
from tests.support.adapting import adapting
from tests.support.door import SECRETS, USAGE, Answer, Door, gateway, models
from tests.support.envoy import Server, free_ports, running, serving
from tests.support.neutral import answered_by
from tests.support.worlds import eventually

SCHEMA = json.dumps({"type": "object", "required": ["answer"], "properties": {"answer": {"type": "integer"}}})
RIGHT, WRONG = '{"answer": 42}', '{"answer": "no"}'


@dataclass
class Model:
    """A server that says some texts, one for each request; the last one again and again."""

    texts: list[str] = field(default_factory=lambda: [RIGHT])
    pause: float = 0.01
    written: int = 0

    async def __call__(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            usual = {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"]}
            return web.json_response({**usual, "choices": [choice], "usage": USAGE})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for number, letter in enumerate(text):
            usage = {"prompt_tokens": 12, "completion_tokens": number + 1}
            chunk = {"choices": [{"index": 0, "delta": {"content": letter}}], "usage": usage}
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            self.written += 1
            await asyncio.sleep(self.pause)
        await response.write(b"data: [DONE]\n\n")
        return response


@pytest_asyncio.fixture
async def door(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    """The gateway of the other tests; answers of public-a are checked, with a second try, those of fallback without.

    With the parameter False the adapter is gone.
    """
    first, second = Server("first", Model()), Server("second", Model())
    agent = Server("agent", lambda request, _: models(request))
    async with serving(first, second, agent):
        usual = gateway(tmp_path, first, second, agent)
        adapter, asking, probes = free_ports(3)
        checked = answered_by("first", prompt=Prompt("kind@1", "Be kind."), check=Check(SCHEMA, again=True))
        strict = answered_by("first", "second", timeout_seconds=5, first_byte_seconds=1, check=Check(SCHEMA))
        routes = (
            Route("public-a", (Branch(checked),)),
            Route("public-b", (Branch(answered_by("second")),)),
            Route("fallback", (Branch(strict),)),
        )
        made = replace(usual, routes=routes, adapter_port=adapter, asking_port=asking)
        assert not check(made, SECRETS)
        with running(made, SECRETS, tmp_path) as found:
            settings = Settings(
                found.files.folder, f"http://127.0.0.1:{asking}", local_port=adapter, host="127.0.0.1", port=probes
            )
            there = adapting(settings) if getattr(request, "param", True) else nullcontext()
            async with there, aiohttp.ClientSession() as client:
                yield Door(found, first, second, agent, client, tmp_path)


def content(answer: Answer) -> str:
    return str(json.loads(answer.text)["choices"][0]["message"]["content"])


async def records(door: Door, request_id: str) -> list[tuple[int, int, str, str, int]]:
    """Attempt, attempts, outcome, backend and tokens of a request's records, once they are all there."""

    def look() -> list[tuple[int, int, str, str, int]]:
        journal, found = Journal(Gate("ns/public", {})), []
        lines = [line for each in Path(door.running.gateway.log_file).read_bytes().splitlines() for line in parse(each)]
        second = int(lines[-1].emitted[:10])
        # Time passes with what is said of others.
        others = [replace(lines[-1], id=f"o{each}", emitted=f"{second + each}.000000") for each in range(1, 8)]
        for line in [*lines, *others]:
            found += journal.read(line)
        return [
            (each.attempt, each.attempts, each.outcome.value, each.model or each.backend, each.output_tokens)
            for each in found
            if each.request_id == request_id
        ]

    return list(await eventually(look, 15, "records"))


@pytest.mark.parametrize("stream", [False, True])
async def test_what_matches_reaches_the_client_as_it_is_and_is_paid_once(door: Door, stream: bool) -> None:
    found = await door.ask("public-a", stream=stream)
    assert found.status == 200, found.text
    (seen,) = door.first.seen
    assert seen["body"]["model"] == "engine-a"
    assert seen["body"]["messages"][0] == {"role": "system", "content": "Be kind."}
    assert len(seen["body"]["messages"]) == 2
    headers = dict(seen["headers"])
    assert headers["authorization"] == "Bearer token-of-first"
    assert not [name for name in headers if name.startswith("x-pl-")]
    if stream:
        parts = [json.loads(line[6:]) for line in found.text.splitlines() if line.startswith("data: {")]
        assert "".join(each["choices"][0]["delta"]["content"] for each in parts) == RIGHT
    else:
        assert content(found) == RIGHT
    tokens = len(RIGHT) if stream else 3
    assert await records(door, found.id) == [(1, 1, "Completed", "main", tokens)]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_second_try_is_told_what_was_wrong_and_both_are_paid(door: Door, stream: bool) -> None:
    door.first.handler = Model([WRONG, RIGHT])
    found = await door.ask("public-a", stream=stream)
    assert found.status == 200
    assert WRONG not in found.text
    _, again = door.first.seen
    assert [each["role"] for each in again["body"]["messages"]] == ["system", "user", "assistant", "user"]
    assert "$.answer: 'no' is not of type 'integer'" in again["body"]["messages"][-1]["content"]
    assert [each[:4] for each in await records(door, found.id)] == [
        (1, 2, "Completed", "main"),
        (2, 2, "Completed", "main"),
    ]


async def test_what_never_matches_is_refused_and_libraries_do_not_ask_again(door: Door) -> None:
    door.first.handler = Model([WRONG])
    async with openai.AsyncOpenAI(base_url=f"{door.running.url}/v1", api_key=SECRETS["public"]) as client:
        with pytest.raises(openai.UnprocessableEntityError, match="'no' is not of type 'integer'") as error:
            await client.chat.completions.create(model="public-a", messages=[{"role": "user", "content": "x"}])
    assert error.value.code == "response_schema_mismatch"
    assert len(door.first.seen) == 2
    found = await door.ask("fallback")
    assert found.error == (422, "response_schema_mismatch")
    assert (found.headers["x-should-retry"], len(door.first.seen), len(door.second.seen)) == ("false", 3, 0)


async def test_fallback_and_errors_are_those_of_every_route(door: Door) -> None:
    async def failing(_request: web.Request, _body: Any) -> web.StreamResponse:
        return web.json_response({}, status=500)

    door.first.handler = failing
    found = await door.ask("fallback")
    assert (found.status, content(found)) == (200, RIGHT)
    assert [each[:3] for each in await records(door, found.id)] == [(1, 2, "Failed"), (2, 2, "Completed")]
    assert (await door.ask("public-a")).status == 500
    assert (await door.ask("fallback", "wrong-key")).error == (401, "invalid_api_key")


async def test_who_leaves_ends_the_model_s_answer_too_and_what_it_used_is_recorded(door: Door) -> None:
    model = door.first.handler = Model(["x" * 10_000])
    asking = asyncio.create_task(door.ask("public-a", stream=True))
    await eventually(lambda: model.written > 30)
    asking.cancel()
    ended = await eventually(
        lambda: [each for each in door.running.records() if each["type"] == "DownstreamEnd" and ":" in each["id"]]
    )
    assert "DC" in ended[0]["flags"]
    ((attempt, attempts, outcome, backend, used),) = await records(door, ended[0]["id"].partition(":")[0])
    assert (attempt, attempts, outcome, backend) == (1, 1, "Aborted", "main")
    assert used > 5


async def test_other_routes_do_without_it(door: Door, tmp_path: Path) -> None:
    (tmp_path / "files" / "checks").rename(tmp_path / "gone")
    assert (await door.ask("public-a")).error == (503, "model_unavailable")
    assert (await door.ask("public-b")).status == 200
    found = await door.ask("public-b", headers={"x-pl-asked": "yes", "x-pl-check": "0" * 32})
    assert found.status == 200


@pytest.mark.parametrize("door", [False], indirect=True)
async def test_without_it_its_routes_may_be_asked_again_and_others_do_not_notice(door: Door) -> None:
    found = await door.ask("public-a")
    assert (found.error, found.headers["retry-after"]) == ((503, "service_unavailable"), "10")
    assert (await door.ask("public-b")).status == 200
    assert await records(door, found.id) == [(0, 0, "Failed", "", 0)]


async def test_a_pod_that_ends_still_asks_once_more(door: Door) -> None:
    go, model = asyncio.Event(), Model([WRONG, RIGHT])

    async def slow(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        await go.wait()
        return await model(request, body)

    door.first.handler = slow
    asking = asyncio.create_task(door.ask("public-a"))
    await eventually(lambda: len(door.first.seen) == 1)
    for path in ("/healthcheck/fail", "/drain_listeners?graceful"):
        async with door.client.post(f"http://127.0.0.1:{door.running.gateway.admin_port}{path}") as answer:
            assert answer.status == 200
    go.set()
    assert (await asking).status == 200
    assert len(door.first.seen) == 2
