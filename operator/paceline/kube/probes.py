"""/healthz and /readyz, answered by a thread of their own: a busy loop is not a dead one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from paceline.settings import boottime

#: Longer than any request, any priming of 3,000 objects and any back-off between them.
LOOP_SILENCE_SECONDS = 60.0
#: Bookmarks come every 60 s; kopf reconnects by itself after 70 s; twice that means that it does not.
WATCH_SILENCE_SECONDS = 180.0


class Health:
    """What the process last did, told by its parts and asked by the kubelet. Safe to use from any thread."""

    def __init__(self, *, clock: Callable[[], float] = boottime) -> None:
        self._clock = clock
        self._beats: dict[str, tuple[float, float]] = {}
        self.ready = False

    def beat(self, part: str, silence: float = LOOP_SILENCE_SECONDS) -> None:
        """A part is alive now, and is to be believed dead after that many seconds without another word."""
        self._beats[part] = (self._clock(), silence)

    def age(self, part: str) -> float:
        """Seconds since a part's last word; 0 for one that never spoke."""
        beat = self._beats.get(part)
        return self._clock() - beat[0] if beat else 0.0

    def silent(self) -> list[str]:
        """The parts that are silent for too long, in words."""
        at = self._clock()
        return [
            f"{part}: silent for {at - since:.0f} s, more than {silence:.0f} s"
            for part, (since, silence) in sorted(self._beats.items())
            if at - since > silence
        ]


class HealthServer:
    """Serves a Health over HTTP."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(health))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._server.server_port

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and close the socket."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                silent = health.silent()
                self._say(not silent, "\n".join(silent) or "alive")
            elif self.path == "/readyz":
                self._say(health.ready, "ready" if health.ready else "the cache is not filled yet")
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def _say(self, well: bool, words: str) -> None:
            body = f"{words}\n".encode()
            self.send_response(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes every few seconds are no news."""

    return Handler
