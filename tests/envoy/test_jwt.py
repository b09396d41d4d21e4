"""Who brings a signed token, at a gateway that takes keys, too."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from paceline.gateway.check import check
from paceline.gateway.ir import Identity, Issuer
from tests.support.door import PUBLIC, SECRETS, STAFF, Door, answer, gateway
from tests.support.envoy import Server, running, serving
from tests.support.jwts import AUDIENCE, ISSUER, SUBJECT, Signer
from tests.support.worlds import eventually

SIGNER, FOREIGN = Signer(), Signer()
OTHER = "https://other.example.com"
BOT = Identity(PUBLIC.name, "ns", "bot", ISSUER, SUBJECT, (AUDIENCE,))
PERSON = Identity(STAFF.name, "ns", "person", ISSUER, "person", (AUDIENCE, "second"))
ANYBODY = Identity(STAFF.name, "ns", "crowd", OTHER, "*", (AUDIENCE,))


LOST = "https://lost.example.com"


async def agent(request: web.Request, _: object) -> web.StreamResponse:
    if request.path == f"/jwks/{Issuer(ISSUER).id}":
        return web.json_response(SIGNER.jwks)
    if request.path == f"/jwks/{Issuer(OTHER).id}":
        return web.json_response(FOREIGN.jwks)
    if request.path == f"/jwks/{Issuer(LOST).id}":
        return web.Response(status=503)
    return web.json_response({"for": request.headers.get("x-pl-client")})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tokens(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    folder = tmp_path_factory.mktemp("jwt")
    first, second, local = Server("first", answer), Server("second", answer), Server("agent", agent)
    async with serving(first, second, local):
        made = gateway(folder, first, second, local)
        made = replace(made, issuers=(Issuer(ISSUER), Issuer(OTHER), Issuer(LOST)), identities=(BOT, PERSON, ANYBODY))
        assert not check(made, SECRETS)
        with running(made, SECRETS, folder) as found:
            async with aiohttp.ClientSession() as client:
                door = Door(found, first, second, local, client, folder)
                await eventually(lambda: _has_keys(door), 5, "Envoy has the issuers' keys")
                yield door


async def _has_keys(door: Door) -> bool:
    for signer, more in ((SIGNER, {}), (FOREIGN, {"iss": OTHER})):
        if (await door.ask(who=signer.token(**more))).status != 200:
            return False
    return True


async def client(door: Door, token: str, **headers: str) -> object:
    found = await door.ask(path="/v1/models", method="GET", who=token, headers=headers)
    return json.loads(found.text)["for"] if found.status == 200 else found.error


@pytest.mark.asyncio(loop_scope="module")
async def test_a_token_that_is_right_is_its_consumer(tokens: Door) -> None:
    forged = {"x-pl-client": "internal.0f0f0f0f.ns.staff", "x-pl-policy": STAFF.name}
    assert await client(tokens, SIGNER.token(), **forged) == BOT.client
    assert await client(tokens, SIGNER.token(aud=["x", AUDIENCE])) == BOT.client
    assert await client(tokens, SIGNER.token(sub="person", aud="second")) == PERSON.client
    assert await client(tokens, FOREIGN.token(iss=OTHER, sub="whoever")) == ANYBODY.client
    assert await client(tokens, "public") == f"{PUBLIC.name}.ns.acme"


@pytest.mark.asyncio(loop_scope="module")
async def test_two_consumers_of_an_issuer_have_each_its_own_models(tokens: Door) -> None:
    assert (await tokens.ask("public-a", SIGNER.token())).status == 200
    assert (await tokens.ask("secret", SIGNER.token())).error == (403, "model_not_allowed")
    assert (await tokens.ask("secret", SIGNER.token(sub="person"))).status == 200
    assert (await tokens.ask("secret", "staff")).status == 200


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (SIGNER.token(aud="other"), "nobody here"),
        (SIGNER.token(aud=["other", 7]), ""),
        (SIGNER.token(aud=None), "nobody here"),
        (SIGNER.token(aud="second"), "nobody here"),
        (SIGNER.token(sub="stranger"), "nobody here"),
        (SIGNER.token(sub=None), "nobody here"),
        (SIGNER.token(sub="*"), "nobody here"),
        (SIGNER.token(sub=["bot"]), ""),
        (SIGNER.token(exp=1_700_000_000), "expired"),
        (SIGNER.token(exp=None), ""),
        (SIGNER.token(nbf=4_000_000_000), "not valid yet"),
        (SIGNER.token(iss=OTHER), ""),
        (SIGNER.token(iss="https://nobody.example.com"), ""),
        (SIGNER.token(iss=None), ""),
        (FOREIGN.token(), ""),
        (SIGNER.token("none"), ""),
        (SIGNER.token("HS256"), ""),
        (SIGNER.token()[:-8] + "AAAAAAAA", ""),
        (SIGNER.token().rpartition(".")[0], ""),
        ("a.b.c", ""),
    ],
    ids=range(20),
)
@pytest.mark.asyncio(loop_scope="module")
async def test_any_other_token_is_refused_as_a_wrong_key_is(tokens: Door, token: str, words: str) -> None:
    before = len(tokens.first.seen)
    forged = {"x-pl-client": BOT.client, "x-pl-policy": PUBLIC.name}
    refused = await tokens.ask(who=token, headers=forged)
    assert refused.error == (401, "invalid_api_key")
    assert words in json.loads(refused.text)["error"]["message"]
    assert (await tokens.ask(who="", path=f"/v1/chat/completions?access_token={SIGNER.token()}")).status == 401
    assert len(tokens.first.seen) == before


@pytest.mark.asyncio(loop_scope="module")
async def test_a_token_whose_keys_are_not_to_be_had_may_come_again(tokens: Door) -> None:
    refused = await tokens.ask(who=SIGNER.token(iss=LOST))
    assert refused.error == (503, "issuer_unavailable")
    assert json.loads(refused.text)["error"]["type"] == "server_error"
    assert int(refused.headers["retry-after"]) > 0


@pytest.mark.asyncio(loop_scope="module")
async def test_a_token_goes_no_further(tokens: Door) -> None:
    token = SIGNER.token()
    assert (await tokens.ask("public-b", token)).status == 200
    assert dict(tokens.second.seen[-1]["headers"])["authorization"] == "Bearer token-of-second"
    assert token not in json.dumps(tokens.running.records())
