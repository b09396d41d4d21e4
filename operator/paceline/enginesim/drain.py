"""Ending without breaking a promise."""

from __future__ import annotations

import asyncio

from paceline.enginesim.service import Service, State

#: Seconds without any answer under way after which nobody is expected any more.
LINGER_SECONDS = 1.0


async def drain(service: Service) -> None:
    """Finish the answers under way, and move clients that kept their connection, within the drain time.

    By now the pod is out of its Service, so requests come only over connections from before. Each is answered, with
    `Connection: close`, and its client goes elsewhere with the next one. A refusal would be a failed request to a
    client that does not try again. What still runs at the end is cut.
    """
    service.state = State.DRAINING
    try:
        async with asyncio.timeout(service.config.drain_seconds):
            while True:
                await service.quiet.wait()
                before = service.requests
                await asyncio.sleep(LINGER_SECONDS)
                if service.quiet.is_set() and service.requests == before:
                    return
    except TimeoutError:
        return
