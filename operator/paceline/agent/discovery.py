"""Gives Envoy the addresses of pods over a stream, where they are too many for a file each (delta xDS for endpoints).

A file costs an inotify instance, of which Linux gives a user id 128. On the stream an address that changes costs one
small message, however many there are.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from weakref import WeakSet

from paceline.agent import wire
from paceline.agent.http2 import Connection

log = logging.getLogger(__name__)

_ASSIGNMENT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
_MOST_WORDS = 500


class Discovery:
    """The server.

    Args:
        files: Addresses as they are held now, by place, as files have them.
    """

    def __init__(self, files: Callable[[], Mapping[str, str]]) -> None:
        self._files = files
        self._sessions: set[_Session] = set()
        self._connections: WeakSet[Connection] = WeakSet()

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[int]:
        """Serve on loopback; the port is given, because 0 takes a free one.

        Raises:
            OSError: the port cannot be had.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._connect, "127.0.0.1", port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for connection in tuple(self._connections):
                connection.close()

    def changed(self, places: Iterable[str]) -> None:
        """Tell Envoy of addresses that are others now."""
        wanted = frozenset(places)
        for session in self._sessions:
            session.tell(wanted & session.names)

    def _connect(self) -> Connection:
        made = Connection(self._open)
        self._connections.add(made)
        return made

    def _open(self, send: Callable[[bytes], None]) -> _Session:
        session = _Session(self._files, send, self._sessions.discard)
        self._sessions.add(session)
        return session


class _Session:
    """One stream, and what Envoy wants on it."""

    def __init__(
        self,
        files: Callable[[], Mapping[str, str]],
        send: Callable[[bytes], None],
        ended: Callable[[_Session], None],
    ) -> None:
        self._files = files
        self._send = send
        self._ended = ended
        self._sent = 0
        self.names: frozenset[str] = frozenset()

    def take(self, message: bytes) -> None:
        """Read what Envoy wants from now on, or no longer; an answer to what was sent has neither.

        Raises:
            ValueError: it is no message.
        """
        found: dict[int, list[bytes]] = {}
        for number, value in wire.fields(message):
            if isinstance(value, bytes):
                found.setdefault(number, []).append(value)
        kind, more, less, error = (found.get(number, []) for number in (2, 3, 4, 7))
        if kind and kind[-1].decode() != _ASSIGNMENT:
            return
        wanted = frozenset(name.decode() for name in more)
        self.names = (self.names | wanted) - {name.decode() for name in less}
        for status in error:
            words = [value for number, value in wire.fields(status) if number == 2 and isinstance(value, bytes)]
            log.error("Envoy does not take addresses: %s", b"".join(words).decode(errors="replace")[:_MOST_WORDS])
        self.tell(wanted)

    def end(self) -> None:
        """The stream is over."""
        self._ended(self)

    def tell(self, places: Iterable[str]) -> None:
        """Send addresses, as far as there are any."""
        files = self._files()
        known = [_resource(place, files[place]) for place in sorted(places) if place in files]
        if known:
            self._sent += 1
            self._send(b"".join(known) + wire.text(4, _ASSIGNMENT) + wire.text(5, str(self._sent)))


def _resource(place: str, text: str) -> bytes:
    """A resource of a delta response; it bears the name of the file."""
    (document,) = json.loads(text)["resources"]
    servers = [
        one["endpoint"]["address"]["socket_address"] for group in document["endpoints"] for one in group["lb_endpoints"]
    ]
    endpoints = wire.message(2, *(_server(each["address"], each["port_value"]) for each in servers))
    body = wire.message(2, wire.text(1, _ASSIGNMENT), wire.message(2, wire.text(1, place), endpoints))
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    return wire.message(2, wire.text(1, version), body, wire.text(3, place))


def _server(address: str, port: int) -> bytes:
    """An LbEndpoint: its endpoint, the address of that, and the socket address of that."""
    socket = wire.message(1, wire.text(2, address), wire.number(3, port))
    return wire.message(2, wire.message(1, wire.message(1, socket)))
