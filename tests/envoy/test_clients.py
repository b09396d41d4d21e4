"""Two real client libraries, unchanged, with a virtual key: all that they do, and every error that they raise."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from aiohttp import web
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from paceline.gateway.ir import Endpoint
from tests.support import consumers, enginesim, gateways
from tests.support.envoy import LOOPBACK, Server, serving
from tests.support.plant import Plant, a_plant, url_of
from tests.support.ports import free_port
from tests.support.written import consumer

MESSAGES: list[Any] = [{"role": "user", "content": "What is the weather in Oslo?"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA, "strict": True}}
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


async def hanging(request: web.Request, _body: Any) -> web.StreamResponse:
    if request.method == "GET":
        return web.Response()
    await asyncio.Event().wait()
    raise AssertionError


def calling() -> list[Any]:
    hard = consumers.budget(mode="Hard", amount="0.000001")
    return [
        consumer("all", ["*"]),
        consumer("one", ["other"]),
        consumer("few", ["*"], limits={"requestsPerMinute": 1}),
        consumer("poor", ["*"], budgets=[hard]),
        consumer("gone", ["*"], suspended=True),
    ]


async def plant(folder: Path, engine: int, found: asyncio.Future[Plant], over: asyncio.Event) -> None:
    """Serve until it is over."""
    stuck = Server("stuck", hanging)
    async with serving(stuck):
        ports = {"chat": engine, "other": engine, "nobody": free_port(), "stuck": stuck.port}
        served_at = {name: Endpoint(LOOPBACK, port) for name, port in ports.items()}
        price = {"name": "p", "model": "engine-of-chat", "inputPerMillion": "1", "outputPerMillion": "2"}
        named = {model: gateways.local(model=f"md-{number}") for number, model in enumerate(ports)}
        routes = [
            gateways.route(
                each,
                model=model,
                retry={"attempts": 0},
                **({"timeoutSeconds": 1, "firstByteTimeoutSeconds": 1} if model == "stuck" else {}),
            )
            for model, each in named.items()
        ]
        async with a_plant(folder, served_at, calling(), routes=routes, prices=[price]) as made:
            found.get_loop().call_soon_threadsafe(found.set_result, made)
            await over.wait()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """A gateway in a loop of its own, because the clients of this file block."""
    folder = tmp_path_factory.mktemp("plant")
    loop, over = asyncio.new_event_loop(), asyncio.Event()
    engine = ("--served-name", "engine-of-chat", "--time-scale", "0.05", "--load-seconds", "0")
    with enginesim.process(folder / "truth.jsonl", *engine) as running:
        found: asyncio.Future[Plant] = loop.create_future()
        served = plant(folder, int(running.url.rpartition(":")[2]), found, over)
        task = loop.create_task(served)
        thread = threading.Thread(target=loop.run_until_complete, args=(task,))
        thread.start()
        try:
            yield asyncio.run_coroutine_threadsafe(asyncio.wait_for(asyncio.shield(found), 60), loop).result(70)
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join(30)
            loop.close()


def client(door: Plant, who: str = "all", **more: Any) -> openai.OpenAI:
    key = door.written.keys.get(who, who)
    return openai.OpenAI(base_url=f"{url_of(door.hosts[0])}/v1", api_key=key, max_retries=0, **more)


def test_openai_chats(door: Plant) -> None:
    with client(door) as asked:
        found = asked.chat.completions.create(model="chat", messages=MESSAGES, max_tokens=12)
        assert found.choices[0].message.content
        assert found.usage
        assert 0 < found.usage.completion_tokens <= 12


def test_openai_streams(door: Plant) -> None:
    with client(door) as asked:
        plain = list(asked.chat.completions.create(model="chat", messages=MESSAGES, max_tokens=12, stream=True))
        assert "".join(each.choices[0].delta.content or "" for each in plain if each.choices)
        # Also who does not ask gets the usage that the gateway asks for: docs/limitations.md says why.
        assert plain[-1].usage
        options: Any = {"include_usage": True}
        told = list(
            asked.chat.completions.create(
                model="chat", messages=MESSAGES, max_tokens=12, stream=True, stream_options=options
            )
        )
        assert told[-1].usage
        assert told[-1].usage.completion_tokens > 0
        with asked.chat.completions.stream(model="chat", messages=MESSAGES) as stream:
            assert {"content.delta", "content.done"} <= {each.type for each in stream}
        assert stream.get_final_completion().choices[0].message.content


def test_openai_calls_tools(door: Plant) -> None:
    with client(door) as asked:
        found = asked.chat.completions.create(model="chat", messages=MESSAGES, tools=[TOOL], tool_choice="required")
        (call,) = found.choices[0].message.tool_calls or []
        assert call.type == "function"
        assert (call.function.name, list(json.loads(call.function.arguments))) == ("weather", ["city"])


def test_openai_parses_answers_of_a_schema(door: Plant) -> None:
    with client(door) as asked:
        found = asked.chat.completions.create(model="chat", messages=MESSAGES, response_format=FORMAT)
        document = json.loads(found.choices[0].message.content or "")
        assert isinstance(document["city"], str)
        assert isinstance(document["degrees"], int)


def test_openai_completes_and_embeds(door: Plant) -> None:
    with client(door) as asked:
        assert asked.completions.create(model="chat", prompt="Once", max_tokens=5).choices[0].text
        found = asked.embeddings.create(model="chat", input=["one", "two"])
        assert len(found.data) == 2
        assert len(found.data[0].embedding) > 8


def test_openai_lists_the_models_that_the_key_may_ask(door: Plant) -> None:
    with client(door) as asked, client(door, "one") as other:
        assert {each.id for each in asked.models.list()} == {"chat", "other", "nobody", "stuck"}
        assert [each.id for each in other.models.list()] == ["other"]
        assert asked.models.retrieve("chat").id == "chat"
        with pytest.raises(openai.NotFoundError):
            other.models.retrieve("chat")


def test_openai_has_an_async_client(door: Plant) -> None:
    async def chat() -> str | None:
        url = f"{url_of(door.hosts[0])}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key=door.written.keys["all"], max_retries=0) as asked:
            found = await asked.chat.completions.create(model="chat", messages=MESSAGES, max_tokens=5)
            return found.choices[0].message.content

    assert asyncio.run(chat())


#: Who asks, what is other than usual, the exception, its status and code.
ERRORS: list[tuple[str, dict[str, Any], type[openai.APIStatusError], int, str | None]] = [
    ("pl_nobody-has-this-key-000000", {}, openai.AuthenticationError, 401, "invalid_api_key"),
    ("one", {}, openai.PermissionDeniedError, 403, "model_not_allowed"),
    ("gone", {}, openai.PermissionDeniedError, 403, "consumer_suspended"),
    ("all", {"model": "unknown"}, openai.NotFoundError, 404, "model_not_found"),
    ("all", {"max_tokens": -1}, openai.BadRequestError, 400, "invalid_value"),
    ("all", {"extra_body": {"Model": "chat"}}, openai.BadRequestError, 400, "ambiguous_parameter"),
    ("all", {"extra_body": {"n_predict": 9}}, openai.BadRequestError, 400, "unsupported_parameter"),
    ("all", {"extra_headers": {"content-type": "text/plain"}}, openai.APIStatusError, 415, "unsupported_media_type"),
    ("all", {"user": "x" * 33 * 1024 * 1024}, openai.APIStatusError, 413, "request_too_large"),
    ("all", {"extra_headers": {"x-long": "x" * 70_000}}, openai.APIStatusError, 431, "headers_too_large"),
    ("all", {"temperature": 99}, openai.BadRequestError, 400, None),
    ("poor", {}, openai.RateLimitError, 429, "insufficient_quota"),
    ("all", {"model": "nobody"}, openai.InternalServerError, 503, "service_unavailable"),
    ("all", {"model": "stuck"}, openai.InternalServerError, 504, "timeout"),
]


@pytest.mark.parametrize(
    ("who", "more", "kind", "status", "code"), ERRORS, ids=[f"{status}-{code}" for *_, status, code in ERRORS]
)
def test_openai_raises_its_own_error(
    door: Plant, who: str, more: dict[str, Any], kind: type[openai.APIStatusError], status: int, code: str | None
) -> None:
    with client(door, who) as asked, pytest.raises(kind) as raised:
        asked.chat.completions.create(**({"model": "chat", "messages": MESSAGES, "max_tokens": 5} | more))
    assert raised.value.status_code == status
    assert raised.value.code == code or code is None
    # What Envoy's parser refuses has no id yet.
    assert raised.value.request_id or status == 431
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["message"]


def test_openai_is_told_when_to_come_again(door: Plant) -> None:
    with client(door, "few") as asked:
        asked.chat.completions.create(model="chat", messages=MESSAGES, max_tokens=5)
        with pytest.raises(openai.RateLimitError) as raised:
            asked.chat.completions.create(model="chat", messages=MESSAGES, max_tokens=5)
    assert raised.value.code == "rate_limit_exceeded"
    assert 1 <= int(raised.value.response.headers["retry-after"]) <= 60


def test_openai_is_told_of_addresses_that_there_are_not(door: Plant) -> None:
    with client(door) as asked:
        with pytest.raises(openai.NotFoundError) as raised:
            asked.files.list()
        assert raised.value.code == "unknown_url"
        with pytest.raises(openai.APIStatusError) as wrong:
            asked.get("/chat/completions", cast_to=object)
        assert (wrong.value.status_code, wrong.value.code) == (405, "method_not_allowed")


def other(door: Plant, who: str = "all") -> InferenceClient:
    return InferenceClient(base_url=f"{url_of(door.hosts[0])}/v1", api_key=door.written.keys.get(who, who), timeout=20)


def test_huggingface_chats_and_streams(door: Plant) -> None:
    asked = other(door)
    found = asked.chat.completions.create(model="chat", messages=MESSAGES, max_tokens=12)
    assert found.choices[0].message.content
    assert found.usage.completion_tokens <= 12
    options: Any = {"include_usage": True}
    chunks = list(asked.chat_completion(MESSAGES, model="chat", max_tokens=12, stream=True, stream_options=options))
    assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens > 0


def test_huggingface_calls_tools_and_gets_json(door: Plant) -> None:
    """It puts schemas into a form of its own that is not OpenAI's, so only its plain JSON mode is tried."""
    asked = other(door)
    found = asked.chat_completion(MESSAGES, model="chat", tools=[TOOL], tool_choice="required")
    (call,) = found.choices[0].message.tool_calls or []
    assert call.function.name == "weather"
    mode: Any = {"type": "json_object"}
    found = asked.chat_completion(MESSAGES, model="chat", response_format=mode, max_tokens=400)
    assert isinstance(json.loads(found.choices[0].message.content or ""), dict)


@pytest.mark.parametrize(
    ("who", "more", "status"),
    [
        ("pl_nobody-has-this-key-000000", {}, 401),
        ("one", {}, 403),
        ("all", {"model": "unknown"}, 404),
        ("all", {"max_tokens": -1}, 400),
        ("poor", {}, 429),
        ("all", {"model": "nobody"}, 503),
    ],
)
def test_huggingface_raises_its_own_error(door: Plant, who: str, more: dict[str, Any], status: int) -> None:
    with pytest.raises(HfHubHTTPError) as raised:
        other(door, who).chat_completion(MESSAGES, **({"model": "chat", "max_tokens": 5} | more))
    assert raised.value.response.status_code == status
