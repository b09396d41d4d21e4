"""How servers of models fail."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from tests.support.envoy import Handler


def status(code: int) -> Handler:
    """Answers with an error of the OpenAI API."""

    async def handler(_request: web.Request, _body: Any) -> web.StreamResponse:
        return web.json_response({"error": {"message": "no"}}, status=code)

    return handler


async def hanging(_request: web.Request, _body: Any) -> web.StreamResponse:
    """Never answers."""
    await asyncio.Event().wait()
    raise AssertionError


async def cutting(request: web.Request, _body: Any) -> web.StreamResponse:
    """Breaks the connection off."""
    assert request.transport
    request.transport.abort()
    return web.Response()
