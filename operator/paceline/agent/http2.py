"""HTTP/2 as Envoy speaks it to a gRPC server on loopback: streams of messages in both directions, and nothing else.

Headers of requests are not read: there is one method. What is no HTTP/2 ends the connection.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

log = logging.getLogger(__name__)

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _WINDOW = 0, 1, 3, 4, 6, 8
_END_STREAM, _ACK, _END_HEADERS, _PADDED = 1, 1, 4, 8
_INITIAL_WINDOW = 4
_WINDOW_BYTES = 65_535
_MOST_WINDOW = 2**31 - 1
_FRAME_BYTES = 16_384
_HEAD = 9
#: Of one gRPC message; 5,000 names are 400 KB.
_MOST_MESSAGE = 16 << 20
#: :status 200 and content-type application/grpc, as HPACK writes them without its tables.
_ANSWER = b"\x88\x0f\x10\x10application/grpc"


class Session(Protocol):
    """Who talks on one stream."""

    def take(self, message: bytes) -> None:
        """Read a message.

        Raises:
            ValueError: it is none.
        """

    def end(self) -> None:
        """The stream is over."""


#: Makes a session of the function by which it sends messages.
Opened = Callable[[Callable[[bytes], None]], Session]


@dataclass
class _Stream:
    session: Session
    window: int
    received: bytearray = field(default_factory=bytearray)
    sending: bytearray = field(default_factory=bytearray)


class Connection(asyncio.Protocol):
    """One connection.

    Args:
        opened: Called for each stream.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._greeted = False
        self._streams: dict[int, _Stream] = {}
        self._window = _WINDOW_BYTES
        self._initial = _WINDOW_BYTES

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say that as much may come as wants to."""
        self._transport = cast("asyncio.Transport", transport)
        self._write(_SETTINGS, 0, 0, struct.pack(">HI", _INITIAL_WINDOW, _MOST_WINDOW))
        self._write(_WINDOW, 0, 0, struct.pack(">I", _MOST_WINDOW - _WINDOW_BYTES))

    def connection_lost(self, exc: Exception | None) -> None:
        """All streams are over."""
        del exc
        self._transport = None
        while self._streams:
            self._streams.popitem()[1].session.end()

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read what is there."""
        self._received += data
        try:
            self._read()
        except (ValueError, struct.error) as wrong:
            log.warning("a connection of Envoy is ended: %s", wrong)
            self.close()

    def _read(self) -> None:
        if not self._greeted:
            if len(self._received) < len(_PREFACE):
                return
            if not self._received.startswith(_PREFACE):
                raise ValueError("it does not speak HTTP/2")
            del self._received[: len(_PREFACE)]
            self._greeted = True
        while len(self._received) >= _HEAD:
            size = int.from_bytes(self._received[:3])
            if size > _FRAME_BYTES:
                raise ValueError(f"a frame has {size} bytes")
            if len(self._received) < _HEAD + size:
                return
            kind, flags = self._received[3], self._received[4]
            stream = int.from_bytes(self._received[5:_HEAD]) & _MOST_WINDOW
            payload = bytes(self._received[_HEAD : _HEAD + size])
            del self._received[: _HEAD + size]
            self._take(kind, flags, stream, payload)

    def _take(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind == _HEADERS:
            self._open(number)
        elif kind == _DATA:
            self._data(number, flags, payload)
        elif kind == _SETTINGS and not flags & _ACK:
            self._settings(payload)
        elif kind == _PING and not flags & _ACK:
            self._write(_PING, _ACK, 0, payload)
        elif kind == _WINDOW:
            self._widen(number, int.from_bytes(payload) & _MOST_WINDOW)
        if kind == _RESET or (kind in {_DATA, _HEADERS} and flags & _END_STREAM):
            self._close(number)

    def _open(self, number: int) -> None:
        if number in self._streams:
            return
        self._write(_HEADERS, _END_HEADERS, number, _ANSWER)
        self._streams[number] = _Stream(self._opened(lambda message: self._send(number, message)), self._initial)

    def _close(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        if stream is not None:
            stream.session.end()

    def _data(self, number: int, flags: int, payload: bytes) -> None:
        if payload:
            self._write(_WINDOW, 0, 0, struct.pack(">I", len(payload)))
        stream = self._streams.get(number)
        if stream is None:
            return
        if payload:
            self._write(_WINDOW, 0, number, struct.pack(">I", len(payload)))
        stream.received += payload[1 : len(payload) - payload[0]] if flags & _PADDED else payload
        while len(stream.received) >= 5:
            packed, size = struct.unpack_from(">BI", stream.received)
            if packed or size > _MOST_MESSAGE:
                raise ValueError(f"a message of {size} bytes cannot be read")
            if len(stream.received) < 5 + size:
                return
            message = bytes(stream.received[5 : 5 + size])
            del stream.received[: 5 + size]
            stream.session.take(message)

    def _settings(self, payload: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", payload):
            if name == _INITIAL_WINDOW:
                for stream in self._streams.values():
                    stream.window += value - self._initial
                self._initial = value
        self._write(_SETTINGS, _ACK, 0, b"")
        self._flush()

    def _widen(self, number: int, more: int) -> None:
        if number == 0:
            self._window += more
        elif number in self._streams:
            self._streams[number].window += more
        self._flush()

    def _send(self, number: int, message: bytes) -> None:
        stream = self._streams.get(number)
        if stream is not None:
            stream.sending += struct.pack(">BI", 0, len(message)) + message
            self._flush()

    def _flush(self) -> None:
        """Send as much as Envoy takes now."""
        for number, stream in self._streams.items():
            while size := min(len(stream.sending), self._window, stream.window, _FRAME_BYTES):
                if size < 0:  # it has made its windows smaller
                    break
                self._write(_DATA, 0, number, bytes(stream.sending[:size]))
                del stream.sending[:size]
                self._window -= size
                stream.window -= size

    def _write(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if self._transport is not None:
            head = struct.pack(">BHBBI", len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream)
            self._transport.write(head + payload)
