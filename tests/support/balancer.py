"""What a Service does with connections: each new one goes to a pod that is ready, and stays there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from tests.support.envoy import LOOPBACK

_PIECE = 65536


@dataclass
class Balancer:
    """Passes bytes on.

    Attributes:
        ready: Ports on loopback of pods that may get new connections.
    """

    ready: Callable[[], Sequence[int]]
    port: int = 0
    _turn: count[int] = field(default_factory=count)
    _taken: set[asyncio.Task[None]] = field(default_factory=set)
    _closing: set[asyncio.StreamWriter] = field(default_factory=set)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._taken.add(task)  # the loop itself keeps none, so it could be collected
        task.add_done_callback(self._taken.discard)
        ports = self.ready()
        try:
            there, onward = await asyncio.open_connection(LOOPBACK, ports[next(self._turn) % len(ports)])
        except OSError:
            writer.transport.abort()
            return
        both = [asyncio.create_task(_pass(reader, onward)), asyncio.create_task(_pass(there, writer))]
        try:
            # Whichever side ends, nothing more is to be said on this connection.
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            for each in (writer, onward):
                each.close()
            self._closing |= {writer, onward}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen until the block ends."""
        server = await asyncio.start_server(self._take, LOOPBACK, self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            left = tuple(self._taken)
            for each in left:
                each.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            for writer in self._closing:
                writer.transport.abort()  # what nobody has read by now is read by nobody
            await asyncio.gather(*(writer.wait_closed() for writer in self._closing), return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All bytes of one direction; a reset goes on as one."""
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    except OSError:
        writer.transport.abort()
