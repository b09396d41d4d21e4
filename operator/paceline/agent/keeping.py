"""Keeps logs within their bounds, and sees which Envoy writes them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys

from paceline.agent import metrics
from paceline.agent.errors import ProxyGone
from paceline.agent.logfiles import LogFiles
from paceline.agent.proxy import Proxy
from paceline.agent.settings import Settings
from paceline.agent.shipping import Shipping
from paceline.agent.words import Words

log = logging.getLogger(__name__)

_EVERY_SECONDS = 0.5
#: Of the volume of logs. With less, Envoy may soon write nothing any more.
_LEAST_FREE_BYTES = 64 << 20
#: What the ledger does not have yet, when that is said.
_MUCH_BYTES = 256 << 20


class Keeping:
    """The keeper.

    Args:
        files: The logs of requests.
        words: Envoy's own log.
        shipping: Who reads the logs.
        proxy: Envoy.
        settings: The bounds.
    """

    def __init__(self, files: LogFiles, words: Words, shipping: Shipping, proxy: Proxy, settings: Settings) -> None:
        self._files = files
        self._words = words
        self._shipping = shipping
        self._proxy = proxy
        self._settings = settings
        self._told: set[str] = set()
        self._failed = 0
        self._copied = words.mark()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            try:
                self._copy()
                await self._rotate()
                self._bound()
                self._measure()
                self._shipping.process = await self._proxy.started_second()
                await self._look_for_lost_lines()
            except ProxyGone:
                pass
            except OSError as error:
                metrics.failures_total.labels("Logs").inc()
                self._tell("logs", f"the logs cannot be kept: {error.strerror}")
            await asyncio.sleep(_EVERY_SECONDS)

    async def _rotate(self) -> None:
        """Begin a new log where the current one is long; Envoy is asked again until it has begun one."""
        number = max([*self._files.old(), self._shipping.at.number - 1]) + 1
        if self._files.current_size() >= self._settings.rotate_bytes:
            self._files.put_aside(number)
        if self._words.exchange() or (self._files.old() and not self._files.current.exists()):
            with contextlib.suppress(ProxyGone):
                await self._proxy.reopen_logs()

    def _bound(self) -> None:
        sizes = self._files.sizes()
        total = sum(sizes.values()) + self._files.current_size()
        for number, size in sorted(sizes.items()):
            if total <= self._settings.most_bytes:
                return
            total -= self._files.remove(number)
            at = self._shipping.at
            lost = size - at.offset if at.number == number else size if number > at.number else 0
            metrics.dropped_bytes_total.inc(max(0, lost))
            log.error(
                "logs take more than %d bytes: %d of them are lost to the ledger", self._settings.most_bytes, lost
            )
            self._shipping.dropped(number)

    def _measure(self) -> None:
        waiting, free = self._shipping.unshipped(), self._files.free()
        metrics.unshipped_bytes.set(waiting)
        metrics.log_free_bytes.set(free)
        self._say("free", f"{free} bytes are free for logs", holds=free < _LEAST_FREE_BYTES)
        self._say("waiting", f"{waiting} bytes of the log wait for the ledger", holds=waiting > _MUCH_BYTES)

    async def _look_for_lost_lines(self) -> None:
        failed = (await self._proxy.counters(r"^filesystem\.write_failed$")).get("filesystem.write_failed", 0)
        if failed > self._failed:
            log.error("Envoy could not write its log %d times: records are lost", failed - self._failed)
        self._failed = failed

    def _copy(self) -> None:
        """Envoy's own log goes on to ours, so that it is found where people look."""
        self._copied, text = self._words.read(self._copied)
        if text:
            sys.stderr.write(text)

    def _say(self, what: str, words: str, *, holds: bool) -> None:
        if holds:
            self._tell(what, words)
        else:
            self._told.discard(what)

    def _tell(self, what: str, words: str) -> None:
        """Once, until it is over."""
        if what not in self._told:
            self._told.add(what)
            log.error("%s", words)
