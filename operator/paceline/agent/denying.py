"""Asks the ledger who has spent its budget, again and again, and keeps Envoy's deny list up with it.

While the ledger does not answer its last verdicts hold, for as long as each consumer's graceSeconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from paceline.agent import metrics
from paceline.agent.errors import Disconnected, Unreachable
from paceline.agent.remote import Answer, Remote
from paceline.agent.verdicts import Heard, Verdicts, verdicts
from paceline.gateway.denied import denied
from paceline.gateway.ir import Denied
from paceline.gateway.snapshot import Program
from paceline.kube.backoff import Backoff
from paceline.settings import boottime, microseconds

log = logging.getLogger(__name__)

#: How long the ledger may keep us waiting for news. A ledger that is cut off is noticed this much later.
WAIT_SECONDS = 10
#: Beyond that, until it counts as gone.
_LATE_SECONDS = 5
#: Whoever is refused for want of an answer is to be served within a second or two of the first one.
_BACKOFF = Backoff(first=0.2, most=1.0)
#: Between looks at the clock: graces and periods end.
_LOOK_SECONDS = 0.5


class Denying:
    """The deny list.

    Args:
        ledger: Whom to ask.
        kept: What it said last.
        changed: Called when the list may be another one.
    """

    def __init__(self, ledger: Remote, kept: Verdicts, changed: Callable[[], None]) -> None:
        self._ledger = ledger
        self._kept = kept
        self._changed = changed

    async def ask(self) -> None:
        """Go on until cancelled."""
        failures = 0
        while True:
            try:
                await self._ask()
                if failures:
                    log.info("the ledger tells of budgets again")
                failures = 0
                continue
            except Unreachable as error:
                failures += 1
                self._silent(connected=isinstance(error, Disconnected))
                if failures == 1:
                    log.warning("budgets go by what was heard last: %s", error.message)
            except ValueError as error:
                failures += 1
                self._silent(connected=False)
                log.error("the ledger's deny list is not taken: %s", error)
            metrics.failures_total.labels("Deny").inc()
            await asyncio.sleep(_BACKOFF.delay(failures))

    async def watch(self) -> None:
        """Go on until cancelled: what changes by time alone."""
        while True:
            self._tell()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _ask(self) -> None:
        began, tag = boottime(), self._kept.heard.tag
        known = {"If-None-Match": f'"{tag}"'} if tag else {}
        # Whether it is back is to be known at once.
        wait = 0 if self._kept.heard.silent else WAIT_SECONDS
        answer = await self._ledger.ask("GET", "/v1/deny", {"wait": wait}, seconds=wait + _LATE_SECONDS, headers=known)
        self._hear(_heard(answer, self._kept.heard))
        if answer.status != 200 and boottime() - began < 1:
            await asyncio.sleep(_BACKOFF.first)  # a ledger that ends lets nobody wait

    def _silent(self, *, connected: bool) -> None:
        """The ledger does not answer, and until now it did where it was `connected`."""
        heard = self._kept.heard
        if not heard.silent:
            self._hear(replace(heard, silent=True, at=boottime() if connected else heard.at))

    def _hear(self, heard: Heard) -> None:
        try:
            self._kept.keep(heard)
        except OSError as error:
            metrics.failures_total.labels("Files").inc()
            log.error("what the ledger says of budgets cannot be kept: %s", error.strerror)
        metrics.heard["ledger"] = heard.at
        self._tell()

    def _tell(self) -> None:
        try:
            self._changed()
        except OSError as error:
            metrics.failures_total.labels("Files").inc()
            log.error("the deny list cannot be written: %s", error.strerror)


def _heard(answer: Answer, before: Heard) -> Heard:
    """What is heard by an answer.

    Raises:
        Unreachable: it tells nothing.
        ValueError: it cannot be read.
    """
    if answer.status == 304:
        return replace(before, at=boottime(), silent=False)
    if answer.status != 200:
        raise Unreachable("Unreachable", f"the ledger answers with status {answer.status}")
    return Heard(answer.tag, verdicts(answer.body))


def now(program: Program, kept: Verdicts) -> tuple[Denied, ...]:
    """Who gets nothing now, by what a program and the ledger say."""
    return denied(program.suspended, program.graces, kept.heard.verdicts, microseconds(), kept.silent_seconds())
