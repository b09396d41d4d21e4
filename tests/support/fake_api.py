"""A tiny HTTP server that answers like an API server, for tests of the command line."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml


class FakeApi:
    """Answers by path; a path without an answer is 404, as on a real one.

    Attributes:
        requests: (method, path with query, body) of everything that came.
        headers: Their headers.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str]] = []
        self.headers: list[dict[str, str]] = []
        self._answers: dict[str, tuple[int, str, str]] = {}
        self.url = ""
        self.kubeconfig_path = Path()

    def put(self, path: str, data: Any, status: int = 200) -> None:
        """Answer `path` with JSON."""
        self._answers[path] = (status, "application/json", json.dumps(data))

    def text(self, path: str, text: str, status: int = 200, kind: str = "text/plain") -> None:
        """Answer `path` with text."""
        self._answers[path] = (status, kind, text)

    def items(self, path: str, *items: Any) -> None:
        """Answer `path` with a list."""
        self.put(path, {"kind": "List", "items": list(items)})

    def refuse(self, path: str, status: int, message: str) -> None:
        """Answer `path` with a Status."""
        self.put(path, {"kind": "Status", "message": message}, status)

    def answer(self, path: str) -> tuple[int, str, str]:
        missing = json.dumps({"kind": "Status", "message": f"{path} not found"})
        return self._answers.get(path, (404, "application/json", missing))

    def kubeconfig(self, folder: Path, namespace: str = "models") -> Path:
        """Write a kubeconfig that leads here."""
        path = self.kubeconfig_path = folder / "kubeconfig"
        context = {"cluster": "fake", "user": "me", "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": {"token": "secret-token"}}],
            "contexts": [{"name": "fake", "context": context}],
        }
        path.write_text(yaml.safe_dump(config))
        return path


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            api.requests.append((self.command, self.path, self._body().decode()))
            api.headers.append(dict(self.headers))
            status, kind, text = api.answer(urlsplit(self.path).path)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base class's names

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output clean."""

    return Handler


@contextmanager
def fake_api() -> Iterator[FakeApi]:
    """Run one on a free port for the block."""
    api = FakeApi()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
