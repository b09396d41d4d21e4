"""POST /v1/places: another replica asks for a place in a queue that this one keeps."""

from __future__ import annotations

import json
from dataclasses import asdict

from aiohttp import web

from paceline.ledger.service import http, owners
from paceline.ledger.service.http import Refused
from paceline.ledger.service.service import SERVICE

_MOST_BYTES = 16 << 10


async def place(request: web.Request) -> web.Response:
    """Wait for a place; whoever goes away before the answer has none."""
    try:
        deployment, ticket = owners.asked(json.loads(await http.body(request, _MOST_BYTES)))
    except ValueError as wrong:
        raise Refused(400, "Invalid", f"The question is none: {type(wrong).__name__}.") from None
    decision = await request.app[SERVICE].rooms.room(deployment).enter(ticket)
    return http.answer(asdict(decision))
