"""What a Service does with connections: each new one goes to a pod that is ready, and stays there."""

from __future__ import annotations

import asyncio
import contextlib
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

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ports = self.ready()
        try:
            onward = await asyncio.open_connection(LOOPBACK, ports[next(self._turn) % len(ports)])
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_pass(reader, onward[1]), _pass(onward[0], writer))
        for each in (writer, onward[1]):
            each.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen until the block ends."""
        server = await asyncio.start_server(self._take, LOOPBACK, self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All bytes of one direction, and then its end; a reset goes on as one."""
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
    except OSError:
        writer.transport.abort()
