"""A way to a port of a pod through the API server, as `kubectl port-forward` has it.

Clients connect to a socket file in a folder of this user's; each connection is a WebSocket of its own to the API
server, which leads it into the pod. Nothing listens on the network meanwhile, and what is sent is for the pod alone:
unlike the service proxy this way has no opinion on headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from paceline.cli.cluster import TIMEOUT
from paceline.cli.kubeconfig import Access

_PROTOCOL = "v4.channel.k8s.io"
#: Each message begins with its channel: what the pod says, and why it says nothing.
_DATA, _ERROR = 0, 1
#: The first message of each channel names the port.
_CHANNELS = 2
_CHUNK = 65536
#: How long the API server's goodbye is waited for.
_CLOSE_SECONDS = 1.0


@dataclass
class Way:
    """A way that is open.

    Attributes:
        socket: The file that clients connect to.
        problem: Why the last connection came to nothing; "" while there was no trouble.
    """

    socket: str
    url: str
    access: Access = field(repr=False)
    problem: str = ""

    async def serve(self, ready: threading.Event, end: asyncio.Event) -> None:
        """Take connections until the end."""
        headers, proxy = self.access.headers(), self.access.proxy or None
        async with aiohttp.ClientSession(headers=headers, proxy=proxy) as session:

            async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                with contextlib.suppress(asyncio.CancelledError), contextlib.closing(writer):
                    await self._relay(session, reader, writer)

            server = await asyncio.start_unix_server(take, self.socket)
            ready.set()
            await end.wait()
            server.close()
            # Clients have closed their connections; what they said last is still on its way out.
            running = asyncio.all_tasks() - {asyncio.current_task()}
            if running:
                await asyncio.wait(running, timeout=2 * _CLOSE_SECONDS)

    async def _relay(
        self, session: aiohttp.ClientSession, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one connection until either side ends it."""
        name = self.access.tls_server_name or None
        try:
            async with asyncio.timeout(TIMEOUT.read):
                connected = await session.ws_connect(
                    self.url,
                    protocols=[_PROTOCOL],
                    ssl=self.access.tls(),
                    server_hostname=name,
                    max_msg_size=0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
                )
        except aiohttp.WSServerHandshakeError as refused:
            self.problem = f"the cluster answered {refused.status} to the way into the pod"
            return
        except (aiohttp.ClientError, TimeoutError) as error:
            self.problem = f"the way into the pod did not open: {str(error) or type(error).__name__}"
            return
        async with connected:
            sending = asyncio.create_task(_send(connected, reader))
            try:
                await self._receive(connected, writer)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _receive(self, connected: aiohttp.ClientWebSocketResponse, writer: asyncio.StreamWriter) -> None:
        seen = 0
        with contextlib.suppress(ConnectionError):
            async for message in connected:
                if message.type is not aiohttp.WSMsgType.BINARY:
                    continue
                channel, content = message.data[0], message.data[1:]
                seen += 1
                if seen <= _CHANNELS:
                    continue
                if channel == _ERROR:
                    self.problem = content.decode(errors="replace").strip()
                    return
                writer.write(content)
                await writer.drain()


async def _send(connected: aiohttp.ClientWebSocketResponse, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(_CHUNK):
        await connected.send_bytes(bytes([_DATA]) + data)
    await connected.close()


@contextmanager
def port_forward(access: Access, namespace: str, pod: str, port: int) -> Iterator[Way]:
    """Open a way to a port of a pod for the block. Nothing is sent before a client connects.

    Args:
        access: The API server, and who asks.
        namespace: The pod's.
        pod: Its name.
        port: That a container listens on.
    """
    host = access.host.rstrip("/")
    with tempfile.TemporaryDirectory(prefix="paceline-") as folder:
        url = f"{host}/api/v1/namespaces/{namespace}/pods/{pod}/portforward?ports={port}"
        way = Way(str(Path(folder) / "door"), url, access)
        ready, loop, end = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
        thread = threading.Thread(target=loop.run_until_complete, args=(way.serve(ready, end),), daemon=True)
        thread.start()
        ready.wait()
        try:
            yield way
        finally:
            loop.call_soon_threadsafe(end.set)
            thread.join()
            loop.close()
