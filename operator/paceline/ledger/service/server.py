"""The life of the process: open, listen, serve, finish, close."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from aiohttp import web

from paceline.ledger.service.app import build
from paceline.ledger.service.service import Service

_log = logging.getLogger(__name__)


async def run(service: Service, on_listen: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT, as a process."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await serve(service, stop, on_listen)


async def serve(service: Service, stop: asyncio.Event, on_listen: Callable[[int], None]) -> None:
    """Serve until `stop` is set; then take nothing new, finish what is under way, and close.

    Args:
        service: Not started yet.
        stop: Set it to end.
        on_listen: Called with the port once the socket listens.
    """
    settings = service.settings
    runner = web.AppRunner(build(service), access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    try:
        await service.start()
        await runner.setup()
        tls = service.certificate.context if service.certificate else None
        site = web.TCPSite(runner, settings.host, settings.port, ssl_context=tls, backlog=1024)
        await site.start()
        on_listen(runner.addresses[0][1])
        await stop.wait()
        await site.stop()
        await _finish(service)
    finally:
        await runner.cleanup()
        await service.stop()


async def _finish(service: Service) -> None:
    """Requests that wait for an engine go on waiting for a while; whoever polls is sent home."""
    service.end()
    try:
        async with asyncio.timeout(service.settings.drain_seconds):
            await service.quiet.wait()
    except TimeoutError:
        _log.warning("%d requests were cut off after %g s", service.requests, service.settings.drain_seconds)
