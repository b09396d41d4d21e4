"""The life of an adapter."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import aiohttp

from paceline.adapter.asking import Asking
from paceline.adapter.checker import Checker
from paceline.adapter.checking import Checking
from paceline.adapter.checks import Checks
from paceline.adapter.room import Room
from paceline.adapter.serving import Serving
from paceline.adapter.settings import Settings


async def run(settings: Settings, on_listen: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT, as a process."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await serve(settings, stop, on_listen)


async def serve(settings: Settings, stop: asyncio.Event, on_listen: Callable[[int], None]) -> None:
    """Serve until `stop` is set.

    Args:
        settings: How it runs.
        stop: Set it to end.
        on_listen: Called with the port on loopback once it listens.

    Raises:
        OSError: a port cannot be had.
    """
    # Envoy bounds how long a request takes, and ends it here by leaving.
    patience = aiohttp.ClientTimeout(total=None, sock_connect=2)
    connector = aiohttp.TCPConnector(limit=0)
    checker = Checker(settings.workers, settings.check_seconds)
    async with aiohttp.ClientSession(connector=connector, timeout=patience, auto_decompress=False) as session:
        checking = Checking(Asking(session, settings.asking, settings.answer_bytes), checker)
        room = Room(settings.most_requests, settings.most_bytes)
        serving = Serving(Checks(settings.folder), checking, room)
        try:
            async with serving.open(settings.host, settings.port, settings.local_port) as (_, local):
                on_listen(local)
                await stop.wait()
        finally:
            await checker.close()
