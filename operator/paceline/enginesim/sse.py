"""Server-sent events over one chunked response, written without a task switch per token."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from paceline.enginesim.keys import STREAMING

#: Bytes that a reader may be behind before its stream is cut: about 3,000 tokens.
MAX_UNREAD = 1 << 20


def event(document: Any) -> bytes:
    """Return a JSON document as one event."""
    return b"data: " + json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


class EventStream:
    """An open stream of events.

    Events go straight to the transport: `StreamResponse.write` is a coroutine and would need a task switch
    for each token of each stream.
    """

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        )
        self._chunked = request.version >= (1, 1)
        self._transport: asyncio.Transport | None = None

    @property
    def response(self) -> web.StreamResponse:
        """The response to return from the handler."""
        return self._response

    async def open(self) -> None:
        """Send the headers."""
        if self._chunked:
            self._response.enable_chunked_encoding()
        else:
            self._response.force_close()
        self._request[STREAMING] = True
        await self._response.prepare(self._request)
        transport = self._request.transport
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def write(self, data: bytes) -> None:
        """Send bytes of one or more events; nothing where the client is gone or reads far too slowly."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        if transport.get_write_buffer_size() > MAX_UNREAD:
            transport.abort()

    def cut(self) -> None:
        """Drop the connection in the middle (a scripted fault)."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Send the end of the response."""
        await self._response.write_eof()
