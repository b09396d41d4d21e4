"""A gateway with two consumers and four models, before two servers that write down what reaches them."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio
from aiohttp import web

from paceline.gateway.check import check
from paceline.gateway.ir import Branch, Cluster, Endpoint, Gateway, Listener, Pods, Policy, Prompt, Route
from tests.support.envoy import LOOPBACK, Running, Server, free_ports, running, serving
from tests.support.neutral import answered_by, key

CHAT = "/v1/chat/completions"
PUBLIC = Policy("External", "ab12cd34", ("public-*", "fallback"))
STAFF = Policy("Internal", "0f0f0f0f", ("*",))
SECRETS = {"public": "pl_not-a-real-key-public-01", "staff": "pl_not-a-real-key-staff-0001"}
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}


async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """As an engine does: whole, or as a stream with a chunk each 10 ms."""
    if not body.get("stream"):
        message = {"message": {"role": "assistant", "content": "hi"}}
        return web.json_response({"model": body["model"], "choices": [message], "usage": USAGE})
    response = web.StreamResponse(headers={"content-type": "text/event-stream", "set-cookie": "a=b", "alt-svc": "h3"})
    await response.prepare(request)
    for number in range(int(body.get("max_tokens", 3))):
        usage = {"prompt_tokens": 12, "completion_tokens": number + 1}
        chunk = {"choices": [{"delta": {"content": "x"}}], "usage": usage}
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        await asyncio.sleep(0 if number == 0 else 0.01)
    await response.write(b"data: [DONE]\n\n")
    return response


@dataclass
class Answer:
    """What a client got."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def error(self) -> tuple[int, str | None]:
        return self.status, json.loads(self.text)["error"]["code"]

    @property
    def id(self) -> str:
        return self.headers["x-request-id"]


@dataclass
class Door:
    """A gateway, its servers, and a client.

    Attributes:
        folder: Of the gateway's files.
    """

    running: Running
    first: Server
    second: Server
    agent: Server
    client: aiohttp.ClientSession
    folder: Path

    def change(self, **more: Any) -> None:
        """Give the gateway other fields."""
        self.running.change(replace(self.running.gateway, **more))

    async def ask(self, model: str = "public-a", who: str = "public", path: str = CHAT, **more: Any) -> Answer:
        """Ask as a client does. `more` has members of the body; content, method and headers instead of the usual."""
        content, method = more.pop("content", None), more.pop("method", "POST")
        headers = {"authorization": f"Bearer {SECRETS.get(who, who)}"} | more.pop("headers", {})
        headers.setdefault("content-type", "application/json")
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]} | more).encode()
        url = self.running.url + path
        sent = None if method == "GET" else io.BytesIO(body if content is None else content)
        async with self.client.request(method, url, data=sent, headers=headers) as response:
            found = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, found, await response.text())


def token(folder: Path, name: str) -> str:
    """A mounted file with a token."""
    path = folder / "mounted" / name / "token"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"token-of-{name}\n")
    return str(path)


def gateway(folder: Path, first: Server, second: Server, agent: Server) -> Gateway:
    listening, admin = free_ports(2)
    clusters = (
        Cluster(
            "first",
            Pods((Endpoint(LOOPBACK, first.port),)),
            "engine-a",
            "Continuous",
            token(folder, "first"),
            labels=(("backend", "main"),),
        ),
        Cluster(
            "second", Pods((Endpoint(LOOPBACK, second.port),)), "engine-b", credential_file=token(folder, "second")
        ),
        Cluster("bare", Pods((Endpoint(LOOPBACK, second.port),)), "engine-c", "Silent"),
        Cluster("empty", Pods(), "nobody"),
    )
    routes = (
        Route("public-a", (Branch(answered_by("first", prompt=Prompt("kind@1", "Be kind."))),)),
        Route("public-b", (Branch(answered_by("second")),)),
        Route("secret", (Branch(answered_by("second")),)),
        Route("fallback", (Branch(answered_by("first", "second", first_byte_seconds=1)),)),
    )
    return Gateway(
        name="public",
        namespace="ns",
        listener=Listener(listening, LOOPBACK),
        policies=(PUBLIC, STAFF),
        keys=(key(PUBLIC, "acme", "public"), key(STAFF, "staff", "staff")),
        routes=routes,
        clusters=clusters,
        peers=(Endpoint(LOOPBACK, listening),),
        agent_port=agent.port,
        admin_port=admin,
        log_file=str(folder / "requests.jsonl"),
    )


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    first, second = Server("first", answer), Server("second", answer)
    agent = Server("agent", lambda request, _: models(request))
    async with serving(first, second, agent):
        made = gateway(tmp_path, first, second, agent)
        assert not check(made, SECRETS)
        connector = aiohttp.TCPConnector(limit=0)
        with running(made, SECRETS, tmp_path) as found:
            async with aiohttp.ClientSession(connector=connector) as client:
                yield Door(found, first, second, agent, client, tmp_path)


async def models(request: web.Request) -> web.StreamResponse:
    return web.json_response({"data": [], "for": request.headers.get("x-pl-client")})
