"""Addresses on a stream as an agent gives them, for an Envoy that is started without one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paceline.agent.discovery import Discovery


@contextmanager
def streaming(folder: Path, port: int) -> Iterator[None]:
    """Give what lies in a folder for Envoy, from a thread, because who starts Envoy waits for it."""

    def files() -> dict[str, str]:
        return {str(each.relative_to(folder)): each.read_text() for each in folder.glob("eds/*.json")}

    loop, begun, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with Discovery(files).serving(port):
            begun.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert begun.wait(5)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(5)
        loop.close()
