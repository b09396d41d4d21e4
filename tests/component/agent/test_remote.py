"""How an agent speaks to the operator and the ledger: token, certificate, and what is in the way."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from paceline.agent.errors import Unreachable
from paceline.agent.remote import Remote
from tests.support.certificates import certificate_for
from tests.support.ports import free_port

SECRET = "a-token-that-nobody-sees"


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as found:
        yield found


async def listening(tls: ssl.SSLContext | None = None) -> tuple[web.AppRunner, int]:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/away":
            raise web.HTTPFound("/token")
        return web.Response(text=request.headers["Authorization"])

    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    return runner, runner.addresses[0][1]


async def test_the_token_is_read_for_each_request(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    runner, port = await listening()
    token = tmp_path / "token"
    remote = Remote(session, f"http://127.0.0.1:{port}/", token, None)
    for text in ("one", "two\n"):
        token.write_text(text)
        assert (await remote.ask("GET", "/x")).body == b"Bearer " + text.strip().encode()
    await runner.cleanup()


async def test_a_redirection_takes_the_token_nowhere(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    runner, port = await listening()
    (tmp_path / "token").write_text(SECRET)
    assert (
        await Remote(session, f"http://127.0.0.1:{port}", tmp_path / "token", None).ask("GET", "/away")
    ).status == 302
    await runner.cleanup()


@pytest.mark.parametrize("content", [None, b"\xff" + SECRET.encode()])
async def test_a_token_that_cannot_be_read_is_told_without_it(
    session: aiohttp.ClientSession, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(Unreachable, match="cannot be read") as wrong:
        await Remote(session, "http://127.0.0.1:1", tmp_path / "token", None).ask("GET", "/")
    assert SECRET not in str(wrong.value)


async def test_a_server_that_is_not_there_is_told(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(SECRET)
    remote = Remote(session, f"http://127.0.0.1:{free_port()}", tmp_path / "token", None)
    with pytest.raises(Unreachable, match="does not answer") as wrong:
        await remote.ask("GET", "/")
    assert SECRET not in str(wrong.value)


async def test_only_a_server_whose_certificate_is_known_gets_the_token(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(SECRET)
    certificate, key = certificate_for("localhost")
    (tmp_path / "tls.crt").write_bytes(certificate)
    (tmp_path / "tls.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    runner, port = await listening(context)
    authority = tmp_path / "ca.crt"
    remote = Remote(session, f"https://localhost:{port}", tmp_path / "token", authority)
    authority.write_bytes(certificate_for("localhost")[0])
    with pytest.raises(Unreachable, match="does not answer"):
        await remote.ask("GET", "/")
    authority.write_bytes(certificate)
    assert (await remote.ask("GET", "/")).status == 200
    other = Remote(session, f"https://127.0.0.1:{port}", tmp_path / "token", authority)
    with pytest.raises(Unreachable, match="does not answer"):
        await other.ask("GET", "/")
    authority.write_text("no certificate")
    with pytest.raises(Unreachable, match="cannot be read"):
        await remote.ask("GET", "/")
    await runner.cleanup()
