"""Envoy's admin interface, on loopback."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from paceline.agent.errors import ProxyGone
from paceline.settings import microseconds

#: How Envoy counts what became of its files, by their place. The last word is attempt, success, rejected or failure.
COUNTERS = {
    "cds.json": "cluster_manager.cds",
    "rds.json": "http.gateway.rds.gateway",
    "lds.json": "listener_manager.lds",
    "deny.json": "extension_config_discovery.http_filter.deny",
    "limit-requests.json": "extension_config_discovery.http_filter.limit-requests",
    "limit-tokens.json": "extension_config_discovery.http_filter.limit-tokens",
}
_UPDATES = (
    "^(" + "|".join(re.escape(each) for each in COUNTERS.values()) + r")\.update_(attempt|success|rejected|failure)$"
)
_WARMING = "^cluster_manager.warming_clusters$"
_ACTIVE = "^http.gateway.downstream_rq_active$"


@dataclass(frozen=True, slots=True)
class Updates:
    """How often Envoy looked at a file, and what came of it."""

    attempt: int = 0
    success: int = 0
    rejected: int = 0
    failure: int = 0


class Proxy:
    """One Envoy.

    Args:
        session: For requests on loopback.
        url: Of its admin interface.
        now_us: Clock, microseconds since 1970.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, now_us: Callable[[], int] = microseconds) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._now_us = now_us

    async def live(self) -> bool:
        """Whether it serves; also False where it does not answer."""
        try:
            return (await self._ask("GET", "/ready")).strip() == "LIVE"
        except ProxyGone:
            return False

    async def running(self) -> bool:
        """Whether it answers at all."""
        try:
            await self.started_second()
        except ProxyGone:
            return False
        return True

    async def started_second(self) -> int:
        """When this process began, in seconds since 1970; up to a second late.

        Raises:
            ProxyGone: it does not answer.
        """
        info = json.loads(await self._ask("GET", "/server_info"))
        return self._now_us() // 1_000_000 - int(str(info.get("uptime_current_epoch", "0s")).removesuffix("s"))

    async def updates(self) -> dict[str, Updates]:
        """What became of files, by their place.

        Raises:
            ProxyGone: it does not answer.
        """
        found = await self.counters(_UPDATES)
        return {
            place: Updates(*(found.get(f"{counter}.update_{word}", 0) for word in Updates.__slots__))
            for place, counter in COUNTERS.items()
        }

    async def warming(self) -> int:
        """How many clusters wait for their first addresses or health checks.

        Raises:
            ProxyGone: it does not answer.
        """
        return (await self.counters(_WARMING)).get("cluster_manager.warming_clusters", 0)

    async def active(self) -> int:
        """How many requests of clients go on.

        Raises:
            ProxyGone: it does not answer.
        """
        return (await self.counters(_ACTIVE)).get("http.gateway.downstream_rq_active", 0)

    async def counters(self, pattern: str) -> dict[str, int]:
        """Counters and gauges whose name a regular expression finds.

        Raises:
            ProxyGone: it does not answer.
        """
        text = await self._ask("GET", "/stats", {"filter": pattern, "usedonly": ""})
        pairs = (line.rsplit(": ", 1) for line in text.splitlines() if ": " in line)
        return {name: int(value) for name, value in pairs if value.isdecimal()}

    async def drain(self) -> None:
        """Tell clients with every answer to connect anew, which is elsewhere by then; answers go on to their end.

        Raises:
            ProxyGone: it does not answer.
        """
        await self._ask("POST", "/healthcheck/fail")
        await self._ask("POST", "/drain_listeners?graceful")

    async def reopen_logs(self) -> None:
        """Open its logs anew, under the names that they have.

        Raises:
            ProxyGone: it does not answer.
        """
        await self._ask("POST", "/reopen_logs")

    async def _ask(self, method: str, path: str, params: dict[str, str] | None = None) -> str:
        try:
            async with self._session.request(
                method, f"{self._url}{path}", params=params, timeout=aiohttp.ClientTimeout(total=5)
            ) as response:
                return await response.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProxyGone("ProxyGone", f"Envoy does not answer on {self._url} ({type(error).__name__})") from None
