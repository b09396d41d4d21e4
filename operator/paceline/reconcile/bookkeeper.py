"""Tells the ledger of all Gateways, in one document, whenever it changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

import aiohttp

from paceline import metrics
from paceline.api.ledger_config import LedgerConfig
from paceline.gateway.document import document
from paceline.gateway.terms import Terms
from paceline.kube.backoff import Backoff
from paceline.reconcile import ledger_access
from paceline.settings import OperatorSettings

log = logging.getLogger(__name__)

#: Several Gateways change at a time; one document serves them all.
_GATHER_SECONDS = 0.1
#: Without the Lease, whether it is there by now.
_LOOK_SECONDS = 0.5
#: While nothing changes, whether the ledger still has it: a ledger may have lost its database, or got another one.
_ASK_SECONDS = 5.0


class Bookkeeper:
    """Brings the document to the ledger.

    Args:
        parts: One of each Gateway, as all is now; None while some were not looked at yet, because what the ledger is
            not told of is refused.
        settings: In force.
        allowed: Whether this process decides.
        authority: Who may have signed the ledger's certificate, as PEM; raises PacelineError while nobody has.
    """

    def __init__(
        self,
        parts: Callable[[], Iterable[Terms] | None],
        settings: Callable[[], OperatorSettings],
        allowed: Callable[[], bool],
        authority: Callable[[], str],
    ) -> None:
        self._authority = authority
        self._parts = parts
        self._settings = settings
        self._allowed = allowed
        self._changed = asyncio.Event()
        self._last: LedgerConfig | None = None
        self._told: LedgerConfig | None = None
        self._served = 0

    def tell(self) -> None:
        """Something changed."""
        self._changed.set()

    async def run(self) -> None:
        """Bring what holds at first and then each change, until cancelled; what cannot be brought is tried again."""
        self._changed.set()
        async with ledger_access.session() as session:
            while True:
                await self._due(session)
                await asyncio.sleep(_GATHER_SECONDS)
                if not self._allowed():
                    self._told = None  # whoever leads meanwhile tells it something else
                    await asyncio.sleep(_LOOK_SECONDS)
                    continue
                self._changed.clear()
                for pause in Backoff(first=0.5, most=15.0):
                    if not self._allowed() or await self._bring(session):
                        break
                    await asyncio.sleep(pause)
                if not self._allowed():
                    self._changed.set()

    async def _due(self, session: aiohttp.ClientSession) -> None:
        """Wait until something changed, or the ledger lacks what it was told."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ASK_SECONDS):
                    await self._changed.wait()
                return
            if self._told and await self._known(session) != self._told.generation:
                self._told = None
                return

    async def _known(self, session: aiohttp.ClientSession) -> int:
        """Generation of the document that the ledger has; 0: none, or it cannot be asked."""
        given = self._settings().gateways
        try:
            token, trusted = ledger_access.credentials(given, self._authority())
            headers = {"Authorization": f"Bearer {token}"}
            async with session.get(ledger_access.url(given, "/v1/config"), headers=headers, ssl=trusted) as answer:
                return int((await answer.json(content_type=None))["generation"])
        except (*ledger_access.FAILURES, KeyError, TypeError):
            return 0  # bringing it tells why

    async def _bring(self, session: aiohttp.ClientSession) -> bool:
        """Whether the ledger has what holds now."""
        parts = self._parts()
        if parts is None:
            return True  # each look at one of them tells of a change
        self._last = document(parts, self._last, self._served)
        if self._last is self._told:
            return True
        given = self._settings().gateways
        body = self._last.model_dump_json(by_alias=True, exclude_none=True).encode()
        try:
            token, trusted = ledger_access.credentials(given, self._authority())
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            async with session.put(
                ledger_access.url(given, "/v1/config"), data=body, headers=headers, ssl=trusted
            ) as answer:
                words = await answer.json(content_type=None) if answer.status >= 400 else {}
                return self._took(answer.status, words)
        except ledger_access.FAILURES as error:
            metrics.ledger_config_failures_total.inc()
            log.warning("the ledger does not get its document: %s", type(error).__name__)
            return False

    def _took(self, status: int, words: object) -> bool:
        if status < 300:
            self._told = self._last
            return True
        found = words if isinstance(words, dict) else {}
        generation = found.get("generation")
        if status == 409 and isinstance(generation, int):
            self._served = max(self._served, generation)
        metrics.ledger_config_failures_total.inc()
        log.warning("the ledger does not take its document: %d %s", status, str(found.get("message", ""))[:300])
        return False
