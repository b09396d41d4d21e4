"""How many requests engines have, by their own metrics: what a replica begins with that has no memory of its own."""

from __future__ import annotations

import asyncio
from typing import Protocol

import aiohttp

from paceline.api.ledger_config import EngineMetrics, LedgerDeployment
from paceline.engines import metrics as pages
from paceline.ledger.service import metrics

_SECONDS = 2.0
_MOST_BYTES = 4 * 1024 * 1024  # an engine is not trusted to end its page
_AT_ONCE = 32


class Engines(Protocol):
    """Tells what the engines of a deployment have under way."""

    async def in_flight(self, deployment: LedgerDeployment) -> int | None:
        """Requests that are computed or wait within the engines; None where none of them could be asked."""


class Pages:
    """Reads the engines' pages for Prometheus.

    Args:
        session: Of the process.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def in_flight(self, deployment: LedgerDeployment) -> int | None:
        """The sum over the engines that answer; of those that do not, nothing is known."""
        asked = [self._read(url, deployment.metrics) for url in deployment.engine_urls]
        found = [each for each in await asyncio.gather(*asked) if each is not None]
        return sum(found) if found else None

    async def _read(self, url: str, names: EngineMetrics) -> int | None:
        try:
            async with (
                self._slots,
                asyncio.timeout(_SECONDS),
                self._session.get(f"{url}{names.path}", allow_redirects=False) as answer,
            ):
                page = await answer.content.read(_MOST_BYTES) if answer.status == 200 else b""
                while answer.status == 200 and len(page) < _MOST_BYTES and (more := await answer.content.readany()):
                    page += more
        except (aiohttp.ClientError, OSError, ValueError):
            page = b""
        samples = pages.pick(page.decode("utf-8", "replace"), {names.running, names.waiting} - {""})
        metrics.engine_reads_total.labels("read" if samples else "failed").inc()
        return int(sum(each.value for each in samples)) if samples else None
