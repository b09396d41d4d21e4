"""A watch on its way through the proxy: bytes pass as they are, until a test wants something else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
from aiohttp import web

from tests.faultproxy.calls import Call

#: Looks at each frame of a watch and gives what the client gets instead: nothing, more, or the same later.
Lens = Callable[[Call, bytes], Awaitable[bytes]]


class Stream:
    """One watch. Used in the proxy's loop only."""

    def __init__(self, call: Call, response: web.StreamResponse, lens: Lens | None = None) -> None:
        self.call = call
        self._lens = lens
        self.silent = False
        self._response = response
        self._turn = asyncio.Condition()
        self._between = True  # no frame is half sent
        self._over = asyncio.Event()
        self.broken = False

    async def run(self, upstream: aiohttp.ClientResponse, seconds: float | None = None) -> None:
        """Pass bytes until the API server ends, `end` is called, or the time is over; then `broken` says how."""
        pump = asyncio.create_task(self._pump(upstream))
        over = asyncio.create_task(self._over.wait())
        try:
            done, _ = await asyncio.wait({pump, over}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pump, over):
                task.cancel()
            await asyncio.gather(pump, over, return_exceptions=True)
        if not done or (pump in done and pump.exception() is not None):
            self.broken = True

    async def _pump(self, upstream: aiohttp.ClientResponse) -> None:
        async for chunk in self._shown(upstream):
            async with self._turn:
                if self.silent or self._over.is_set():
                    continue  # lost, as in a network that drops packets
                await self._response.write(chunk)
                self._between = chunk.endswith(b"\n")
                self._turn.notify_all()
        if self.silent:
            await self._over.wait()

    async def _shown(self, upstream: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """The bytes as they come, or frame by frame what the lens makes of them."""
        rest = b""
        async for chunk in upstream.content.iter_any():
            if self._lens is None:
                yield chunk
                continue
            *frames, rest = (rest + chunk).split(b"\n")
            for frame in frames:
                shown = await self._lens(self.call, frame + b"\n")
                if shown:
                    yield shown

    async def inject(self, frame: bytes) -> None:
        """Send one more frame, after the frame that is under way, and end the watch."""
        async with self._turn:
            await self._turn.wait_for(lambda: self._between)
            with contextlib.suppress(ConnectionError):
                await self._response.write(frame)
            self._over.set()

    def end(self, *, broken: bool) -> None:
        """End the watch: broken off, or as an API server ends one after its time."""
        self.broken = broken
        self._over.set()
