"""An adapter that runs in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from paceline.adapter.run import serve
from paceline.adapter.settings import Settings


@asynccontextmanager
async def adapting(settings: Settings) -> AsyncIterator[None]:
    """Serve, and end."""
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(serve(settings, stop, lambda _: ready.set()))
    try:
        await ready.wait()
        yield
    finally:
        stop.set()
        await task
