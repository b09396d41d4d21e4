"""The life of an agent."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

import aiohttp

from paceline.agent.allocator import give_back
from paceline.agent.checkpoint import Checkpoints
from paceline.agent.counting import watch
from paceline.agent.denying import Denying, now
from paceline.agent.discovery import Discovery
from paceline.agent.draining import Drain
from paceline.agent.fetching import Fetching
from paceline.agent.files import Folder
from paceline.agent.held import Held
from paceline.agent.issuers import Issuers
from paceline.agent.keeping import Keeping
from paceline.agent.logfiles import LogFiles
from paceline.agent.programming import Programmer
from paceline.agent.proxy import Proxy
from paceline.agent.remote import Remote
from paceline.agent.reporting import Reporting
from paceline.agent.serving import Serving
from paceline.agent.settings import Settings
from paceline.agent.shipping import Shipping
from paceline.agent.verdicts import Verdicts
from paceline.agent.words import Words

log = logging.getLogger(__name__)

#: After SIGTERM, for records that are still here.
_LAST_SECONDS = 20.0


async def run(settings: Settings, on_listen: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT, as a process."""
    give_back()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await serve(settings, stop, on_listen)


async def serve(settings: Settings, stop: asyncio.Event, on_listen: Callable[[int], None]) -> None:
    """Serve until `stop` is set; then send the last records.

    Args:
        settings: How it runs.
        stop: Set it to end.
        on_listen: Called with the port of probes once it listens.

    Raises:
        OSError: a port or a folder cannot be had.
    """
    async with aiohttp.ClientSession() as session:
        proxy = Proxy(session, settings.admin)
        operator, ledger = (
            Remote(session, url, settings.token_file, settings.ca_file) for url in (settings.operator, settings.ledger)
        )
        held = Held(settings.folder, settings.gateway)
        words, files = Words(settings.logs), LogFiles(settings.logs)
        issuers = Issuers(session, held, settings.folder)
        reporting = Reporting(operator, held, proxy, issuers, settings.gateway, settings.pod)
        discovery = Discovery(lambda: held.addresses.files)
        verdicts = Verdicts(settings.folder)
        programmer = Programmer(
            Folder(settings.folder),
            held,
            proxy,
            words,
            lambda program: now(program, verdicts),
            reporting.changed,
            discovery.changed,
        )
        denying = Denying(ledger, verdicts, programmer.deny)
        fetching = Fetching(operator, held, programmer, settings.gateway)
        shipping = Shipping(files, Checkpoints(settings.folder), held, ledger, settings.gateway)
        keeping = Keeping(files, words, shipping, proxy, settings)
        drain = Drain(proxy, settings.settle_seconds, settings.drain_seconds)
        serving = Serving(programmer, held, drain, proxy, issuers)
        async with (
            discovery.serving(settings.addresses_port),
            serving.open(settings.host, settings.port, settings.local_port) as (port, _),
        ):
            on_listen(port)
            work = [
                asyncio.create_task(each)
                for each in (
                    programmer.run(),
                    fetching.programs(),
                    fetching.addresses(),
                    denying.ask(),
                    denying.watch(),
                    reporting.run(programmer),
                    shipping.run(),
                    watch(proxy, shipping.counting),
                    keeping.run(),
                    issuers.run(),
                )
            ]
            await _until(stop, work)
        await _finish(shipping, proxy)


async def _until(stop: asyncio.Event, work: list[asyncio.Task[None]]) -> None:
    """Wait for the end, which an error in any of the work is too."""
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([stopping, *work], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            task.result()
    finally:
        for task in (stopping, *work):
            task.cancel()
        await asyncio.gather(stopping, *work, return_exceptions=True)


async def _finish(shipping: Shipping, proxy: Proxy) -> None:
    try:
        async with asyncio.timeout(_LAST_SECONDS):
            await shipping.finish(gone=not await proxy.running())
    except TimeoutError:
        log.error("%d bytes of the log could not be sent; they wait on the disk", shipping.unshipped())
