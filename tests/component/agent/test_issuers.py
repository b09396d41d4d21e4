"""The keys of issuers: found by discovery over https, kept, and never from where they may not be."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from paceline.agent import issuers
from paceline.agent.issuers import Issuers
from paceline.agent.serving import Serving
from paceline.gateway.ir import Issuer
from tests.support.certificates import presenting

HOST = "localhost"
FIRST, SECOND = ({"keys": [{"kty": "RSA", "kid": kid, "n": "AQAB", "e": "AQAB"}]} for kid in "ab")
DISCOVERY = "/tenant/.well-known/openid-configuration"


@dataclass
class Provider:
    """An identity provider; `answers` by path are documents, or what a handler is to return."""

    folder: Path
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0
    ca_file: str = ""

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        found = self.answers.get(request.path)
        if isinstance(found, web.Response):
            return found
        return web.json_response(found) if found else web.Response(status=404)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        context, self.ca_file = presenting(self.folder, HOST)
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
            self.port = runner.addresses[0][1]
            self.answers = {DISCOVERY: {"issuer": self.issuer, "jwks_uri": self.at("/keys")}, "/keys": FIRST}
            yield
        finally:
            await runner.cleanup()

    def at(self, path: str, host: str = HOST) -> str:
        return f"https://{host}:{self.port}{path}"

    @property
    def issuer(self) -> str:
        return self.at("/tenant/")


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[tuple[Provider, Any, Issuer]]:
    """A provider, a maker of agents' parts, and the issuer."""
    provider = Provider(folder)
    async with provider.serving(), aiohttp.ClientSession() as session:
        issuer = Issuer(provider.issuer, hosts=(HOST,))

        def part(*wanted: Issuer, trusting: bool = True) -> Issuers:
            held = SimpleNamespace(program=SimpleNamespace(program=SimpleNamespace(issuers=wanted or (issuer,))))
            context = ssl.create_default_context(cafile=provider.ca_file) if trusting else None
            return Issuers(session, held, folder / "envoy", context)  # type: ignore[arg-type]

        yield provider, part, issuer


async def test_keys_are_found_kept_and_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuers, "_FRESH_SECONDS", 0.0)
    async with world(tmp_path) as (provider, part, issuer):
        found = part()
        assert found.keys(issuer.id) is None
        await found.look()
        assert json.loads(found.keys(issuer.id) or "") == FIRST
        provider.answers["/keys"] = SECOND
        await found.look()
        assert json.loads(found.keys(issuer.id) or "") == SECOND
        provider.answers.clear()
        after_a_start = part()
        await after_a_start.look()
        assert json.loads(after_a_start.keys(issuer.id) or "") == SECOND
        assert after_a_start.lacking == {}, "what is here goes on serving"


async def test_they_are_not_asked_for_more_often_than_needed(tmp_path: Path) -> None:
    async with world(tmp_path) as (provider, part, _):
        found = part()
        await found.look()
        await found.look()
        assert provider.asked == [DISCOVERY, "/keys"]
        provider.answers.clear()
        failing = part()
        await failing.look()
        await failing.look()
        assert len(provider.asked) == 3


async def test_keys_that_are_known_already_are_not_asked_for(tmp_path: Path) -> None:
    async with world(tmp_path) as (provider, part, _):
        own = Issuer("https://kubernetes.default.svc", "its keys")
        found = part(own)
        await found.look()
        assert found.keys(own.id) == "its keys"
        assert found.keys("0" * 16) is None
        assert provider.asked == []


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        (DISCOVERY, None, "status 404"),
        (DISCOVERY, {"issuer": "https://other.example.com"}, "of another issuer"),
        (DISCOVERY, {"issuer": "ISSUER", "jwks_uri": "https://127.0.0.1/keys"}, "host 127.0.0.1, which is not allowed"),
        (DISCOVERY, web.Response(status=302, headers={"location": "/keys"}), "status 302"),
        ("/keys", web.Response(body=b" " * ((1 << 20) + 1)), "more than 1048576 bytes"),
        ("/keys", web.Response(body=b"secret"), "is no JSON"),
        ("/keys", {"keys": [{"kty": "oct", "k": "secret"}]}, "no key of kind"),
    ],
)
async def test_what_is_wrong_is_told_and_gives_no_keys(tmp_path: Path, path: str, answer: Any, words: str) -> None:
    async with world(tmp_path) as (provider, part, issuer):
        if isinstance(answer, dict) and answer.get("issuer") == "ISSUER":
            answer = answer | {"issuer": provider.issuer}
        provider.answers[path] = answer
        found = part()
        await found.look()
        assert found.keys(issuer.id) is None
        assert words in found.lacking[issuer.address]
        assert "secret" not in found.lacking[issuer.address]


async def test_a_server_that_cannot_prove_its_name_is_not_believed(tmp_path: Path) -> None:
    async with world(tmp_path) as (provider, part, issuer):
        found = part(trusting=False)
        await found.look()
        assert "does not answer" in found.lacking[issuer.address]
        other = Issuer(provider.at("/tenant/", "127.0.0.1"), hosts=("*",))
        found = part(other)
        await found.look()
        assert "does not answer" in found.lacking[other.address]
        assert provider.asked == []
        await part().look()
        assert provider.asked == [DISCOVERY, "/keys"]


async def test_envoy_has_them_from_the_agent_on_loopback_and_nobody_else_does(tmp_path: Path) -> None:
    async with world(tmp_path) as (provider, part, issuer), aiohttp.ClientSession() as client:
        found = part()
        serving = Serving(*(SimpleNamespace() for _ in range(4)), found)  # type: ignore[arg-type]
        async with serving.open("127.0.0.1", 0, 0) as (public, local):

            async def asked(port: int, name: str) -> tuple[int, str]:
                async with client.get(f"http://127.0.0.1:{port}/jwks/{name}") as answer:
                    return answer.status, await answer.text()

            assert (await asked(local, issuer.id))[0] == 503
            await found.look()
            status, text = await asked(local, issuer.id)
            assert (status, json.loads(text)) == (200, FIRST)
            assert (await asked(local, "0" * 16))[0] == 503
            assert (await asked(public, issuer.id))[0] == 404
        assert len(provider.asked) == 2
