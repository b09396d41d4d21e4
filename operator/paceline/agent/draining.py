"""The end of a pod: Envoy tells its clients to go elsewhere, and ends when the last answer is given."""

from __future__ import annotations

import asyncio
import logging

from paceline.agent import metrics
from paceline.agent.errors import ProxyGone
from paceline.agent.proxy import Proxy

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
#: Looks in a row that must see no request.
_QUIET_LOOKS = 3
#: Within which a drain must begin, or there is none: Envoy's container alone is being started anew.
_BEGIN_SECONDS = 10.0


class Drain:
    """One drain, which does not end otherwise than with the pod.

    Args:
        proxy: Envoy.
        least: Seconds that it takes at least: until nobody sends new requests here.
        most: Seconds that answers are waited for.
    """

    def __init__(self, proxy: Proxy, least: float, most: float) -> None:
        self._proxy = proxy
        self._least = least
        self._most = most
        self._begun = asyncio.Event()
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether it has begun."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Begin; again is the same."""
        if not self.running:
            self._begun.set()
            metrics.draining.set(1)
            log.info("the drain begins")
            self._task = asyncio.create_task(self._run())

    async def wait(self) -> bool:
        """Until it is over; False where none begins."""
        try:
            async with asyncio.timeout(_BEGIN_SECONDS):
                await self._begun.wait()
        except TimeoutError:
            return False
        await self._over.wait()
        return True

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        began, told, quiet = loop.time(), False, 0
        while loop.time() < began + self._most:
            try:
                if not told:
                    await self._proxy.drain()
                    told = True
                quiet = quiet + 1 if await self._proxy.active() == 0 else 0
            except ProxyGone:
                if not await self._proxy.running():
                    quiet += 1
            if quiet >= _QUIET_LOOKS and loop.time() >= began + self._least:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        log.info("the drain is over after %.1f s", loop.time() - began)
        self._over.set()
