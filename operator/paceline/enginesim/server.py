"""The life of the process: listen, load, serve, drain, exit."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable

from aiohttp import web

from paceline.enginesim.app import build
from paceline.enginesim.config import Config
from paceline.enginesim.drain import drain
from paceline.enginesim.service import Service, State

_log = logging.getLogger(__name__)


async def run(config: Config, on_listen: Callable[[int], None]) -> int:
    """Serve until SIGTERM or SIGINT, as a process; arguments and result are those of ``serve``."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return await serve(config, stop, on_listen)


async def serve(config: Config, stop: asyncio.Event, on_listen: Callable[[int], None]) -> int:
    """Serve until ``stop`` is set, then drain; return the exit code.

    Args:
        config: Settings.
        stop: Set it to end.
        on_listen: Called with the port once the socket listens (the model is still loading).
    """
    listener = _listen(config)
    service = Service(config)
    runner = web.AppRunner(build(service), access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    on_listen(listener.getsockname()[1])
    loading = asyncio.create_task(_load(service, stop))
    try:
        await stop.wait()
        if service.state is State.READY:
            await drain(service)
    finally:
        service.state = State.DRAINING
        loading.cancel()
        service.pacer.close()
        await runner.cleanup()
        service.truth.close()
    return service.exit_code


def _listen(config: Config) -> socket.socket:
    """Return the listening socket; small writes leave at once."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((config.host, config.port))
    listener.listen(4096)
    return listener


async def _load(service: Service, stop: asyncio.Event) -> None:
    """Take the time that loading weights takes, then open."""
    config = service.config
    if config.faults.never_ready:
        return
    await asyncio.sleep((config.load_seconds + config.faults.slow_start) * config.time_scale)
    if config.faults.crash_at_start:
        service.exit_code = config.faults.crash_at_start
        stop.set()
        return
    # What lives until the end is not looked at again: a full collection would stop the clock for milliseconds.
    gc.collect()
    gc.freeze()
    service.state = State.READY
    sys.stdout.write(f"serving {service.model_name} ({config.calibration.description})\n")
    sys.stdout.flush()
