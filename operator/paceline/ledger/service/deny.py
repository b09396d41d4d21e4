"""GET /v1/deny: who gets nothing from a gateway, told again as soon as it changes."""

from __future__ import annotations

import asyncio

from aiohttp import web

from paceline.ledger.service import http
from paceline.ledger.service.http import IDENTITY, Refused
from paceline.ledger.service.service import SERVICE

#: Of one wait; load balancers end connections on which nothing comes for a minute.
MOST_SECONDS = 55


async def deny(request: web.Request) -> web.Response:
    """The deny list of the gateway that asks; with its tag and a wait only once it is another one, or 304."""
    service, gateway = request.app[SERVICE], request[IDENTITY].gateway
    known = request.headers.get("If-None-Match", "").strip('"')
    loop = asyncio.get_running_loop()
    end = loop.time() + http.number(request, "wait", most=MOST_SECONDS, default=0)
    while True:
        if service.access.gone_us is not None:
            # The gateway goes on with its last list, and knows from when on it is the last.
            raise Refused(503, "StoreUnavailable", "The ledger's database cannot be reached.", retry_seconds=1)
        if service.book is None:
            raise Refused(503, "NotConfigured", "The ledger has no document yet.", retry_seconds=1)
        found = service.denials.list_of(gateway, service.book.consumers)
        headers = {"ETag": f'"{found.tag}"'}
        if found.tag != known:
            return http.answer({"generation": service.book.generation, "denied": found.entries}, headers=headers)
        if not await service.denials.change(end - loop.time()):
            return web.Response(status=304, headers=headers)
