"""Ending without breaking a promise."""

from __future__ import annotations

import asyncio

from paceline.enginesim.service import Service, State


async def drain(service: Service) -> None:
    """Take no new requests, and wait for the running answers up to the drain time.

    New requests get 503 and ``Connection: close``; the socket keeps listening, because a refused connection
    tells a client less. What still runs at the end is cut.
    """
    service.state = State.DRAINING
    try:
        await asyncio.wait_for(service.quiet.wait(), service.config.drain_seconds)
    except TimeoutError:
        return
