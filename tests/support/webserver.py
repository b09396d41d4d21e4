"""A web server for tests: files with ranges, a record of what was asked, and rules that make it misbehave."""

from __future__ import annotations

import hashlib
import http.server
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit


@dataclass
class Reply:
    """An answer as it is to be sent.

    Attributes:
        status: HTTP status.
        body: The whole body; a range is cut out of it where `ranges` allows.
        headers: Beside those that follow from the body.
        ranges: Whether Range is heeded.
        cut: Close the connection after so many bytes of the body.
        pause: After so many bytes wait until the server ends, as a peer that hangs.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    ranges: bool = True
    cut: int | None = None
    pause: int | None = None


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    path: str
    query: str
    headers: Mapping[str, str]


class Rule(Protocol):
    """Looks at a request and its answer, and gives the answer that is sent instead."""

    def __call__(self, asked: Asked, reply: Reply) -> Reply: ...


class WebServer:
    """Serves on 127.0.0.1, or another address of this machine."""

    def __init__(
        self, answer: Callable[[Asked], Reply], host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.answer = answer
        self.scheme = "https" if tls else "http"
        self.host = host
        self.asked: list[Asked] = []
        self.rules: list[Rule] = []
        self.ended = threading.Event()
        owner = self

        class Handler(_Handler):
            server_owner = owner

        self._server = _Server((host, 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    def paths(self) -> list[str]:
        return [each.path for each in self.asked]

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        reply = self.answer(asked)
        for rule in list(self.rules):
            reply = rule(asked, reply)
        return reply

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet: clients that hang up are what some tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_owner: WebServer

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        # Names of header fields in lower case, as there is no other certainty about them.
        headers = {key.lower(): value for key, value in self.headers.items()}
        reply = self.server_owner.reply(Asked(unquote(parts.path), parts.query, headers))
        status, body, extra = reply.status, reply.body, dict(reply.headers)
        if status == 200 and reply.ranges:
            status, body, extra = _range(headers.get("range", ""), body, extra)
        self.send_response(status)
        extra.setdefault("Content-Length", str(len(body)))
        for key, value in extra.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send(reply, body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send(self, reply: Reply, body: bytes) -> None:
        try:
            if reply.pause is not None and reply.pause < len(body):
                self.wfile.write(body[: reply.pause])
                self.wfile.flush()
                self.server_owner.ended.wait(60)
                self.close_connection = True
            elif reply.cut is not None and reply.cut < len(body):
                self.wfile.write(body[: reply.cut])
                self.close_connection = True
            else:
                self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


def _range(asked: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    if not asked.startswith("bytes="):
        return 200, body, headers
    first, _, last = asked.removeprefix("bytes=").partition("-")
    start, end = int(first), min(int(last) if last else len(body) - 1, len(body) - 1)
    if start >= len(body):
        return 416, b"", {**headers, "Content-Range": f"bytes */{len(body)}"}
    return 206, body[start : end + 1], {**headers, "Content-Range": f"bytes {start}-{end}/{len(body)}"}


def files(content: Mapping[str, bytes]) -> Callable[[Asked], Reply]:
    """An answer out of files by path, each with an ETag."""

    def answer(asked: Asked) -> Reply:
        body = content.get(asked.path.lstrip("/"))
        if body is None:
            return Reply(404, b"no such file")
        return Reply(body=body, headers={"ETag": f'"{hashlib.sha256(body).hexdigest()[:16]}"'})

    return answer


@contextmanager
def serving(
    answer: Callable[[Asked], Reply], host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[WebServer]:
    """A server for a block."""
    server = WebServer(answer, host, tls)
    try:
        yield server
    finally:
        server.close()


def times(count: int, where: str, **changes: Any) -> Rule:
    """A rule that changes the first answers to paths that hold a text."""
    left = [count]

    def rule(asked: Asked, reply: Reply) -> Reply:
        if where not in asked.path or left[0] <= 0:
            return reply
        left[0] -= 1
        return Reply(**{**vars(reply), **changes})

    return rule
