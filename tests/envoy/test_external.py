"""Services outside: by https alone, by the name in their certificate, with their own key and path."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from paceline.gateway.ir import Branch, Cluster, External, Route
from tests.support.certificates import presenting
from tests.support.door import Door, answer, token
from tests.support.envoy import Server, serving
from tests.support.neutral import answered_by
from tests.support.worlds import eventually


@dataclass
class Provider:
    """A service outside."""

    server: Server
    authorities: str
    key: str


@pytest_asyncio.fixture
async def provider(door: Door) -> AsyncIterator[Provider]:
    context, authorities = presenting(door.folder, "localhost")
    server = Server("provider", answer, tls=context)
    async with serving(server):
        found = Provider(server, authorities, token(door.folder, "provider"))
        use(door, found)
        yield found


def use(door: Door, provider: Provider, authorities: str = "") -> None:
    """Route to the provider, and to the second server when it fails."""
    outside = External("localhost", provider.server.port, "/openai/v1", authorities or provider.authorities)
    cluster = Cluster("outside", outside, "gpt-4o", credential_file=provider.key)
    others = tuple(each for each in door.running.gateway.clusters if each.name != "outside")
    route = Route("fallback", (Branch(answered_by("outside", "second")),))
    door.change(clusters=(*others, cluster), routes=(route,))


async def test_it_is_asked_by_its_own_path_name_model_and_key(door: Door, provider: Provider) -> None:
    found = await door.ask("fallback", path="/v1/chat/completions?api_key=x")
    assert (found.status, json.loads(found.text)["model"]) == (200, "gpt-4o")
    (seen,) = provider.server.seen
    headers = dict(seen["headers"])
    assert seen["path"] == "/openai/v1/chat/completions"
    assert (headers["host"], headers["authorization"]) == ("localhost", "Bearer token-of-provider")


async def test_without_the_provider_s_key_the_client_s_own_is_not_blamed(door: Door, provider: Provider) -> None:
    empty = Path(token(door.folder, "keyless"))
    empty.write_text("")
    outside = External("localhost", provider.server.port, "/v1", provider.authorities)
    keyless = Cluster("keyless", outside, "gpt-4o", credential_file=str(empty))
    route = Route("fallback", (Branch(answered_by("keyless")),))
    door.change(clusters=(*door.running.gateway.clusters, keyless), routes=(route,))
    found = await door.ask("fallback")
    assert found.error == (503, "no_credential")
    assert found.headers["retry-after"]
    assert not provider.server.seen


async def test_a_certificate_for_another_name_is_not_spoken_to(door: Door, provider: Provider) -> None:
    context, authorities = presenting(door.folder, "other.example.com")
    impostor = Server("impostor", answer, tls=context)
    async with serving(impostor):
        provider.server.port = impostor.port
        use(door, provider, authorities)
        assert json.loads((await door.ask("fallback")).text)["model"] == "engine-b"
        assert not impostor.seen


async def test_a_certificate_that_nobody_trusts_is_not_spoken_to(door: Door, provider: Provider) -> None:
    use(door, provider, presenting(door.folder, "someone.example.com")[1])
    assert json.loads((await door.ask("fallback")).text)["model"] == "engine-b"
    assert not provider.server.seen


async def test_plain_http_is_not_spoken(door: Door, provider: Provider) -> None:
    provider.server.port = door.first.port
    use(door, provider)
    assert json.loads((await door.ask("fallback")).text)["model"] == "engine-b"
    assert not door.first.seen


async def test_an_exchanged_key_is_used_without_a_restart(door: Door, provider: Provider) -> None:
    """As Kubernetes exchanges it: a link beside the file turns to another folder."""
    assert (await door.ask("fallback")).status == 200
    path = Path(provider.key)
    (path.parent / "new").write_text("exchanged")
    (path.parent / "new").rename(path)

    async def exchanged() -> bool:
        await door.ask("fallback")
        return dict(provider.server.seen[-1]["headers"])["authorization"] == "Bearer exchanged"

    await eventually(exchanged, 20)
