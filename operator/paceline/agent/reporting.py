"""Tells the operator what became of its programs."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress

from paceline.agent import credentials, metrics
from paceline.agent.credentials import Credentials
from paceline.agent.errors import NotLeading, ProxyGone, Unreachable
from paceline.agent.held import Held
from paceline.agent.issuers import Issuers
from paceline.agent.programming import Programmer
from paceline.agent.proxy import Proxy
from paceline.agent.remote import Remote, rest
from paceline.kube.backoff import Backoff
from paceline.settings import boottime

log = logging.getLogger(__name__)

#: Whoever leads anew knows nothing of us.
_REPEAT_SECONDS = 5.0
#: Between looks at Envoy's counters.
_LOOK_SECONDS = 2.0
_BACKOFF = Backoff(first=0.2, most=10.0)
#: A replica that does not lead takes no report. The next request comes to any of them, and between two leaders to none
#: that does.
_NOT_LEADING = 421
_SEARCH = Backoff(first=0.1, most=2.0)
#: Failures in a row that are said: of three replicas one leads, and it may take a few requests to come to it.
_TOLD_AT = 8


class Reporting:
    """The reports.

    Args:
        operator: Who gets them.
        held: What is held.
        proxy: Envoy.
        issuers: Of tokens.
        gateway: namespace/name.
        pod: Whose reports they are.
    """

    def __init__(self, operator: Remote, held: Held, proxy: Proxy, issuers: Issuers, gateway: str, pod: str) -> None:
        self._operator = operator
        self._held = held
        self._proxy = proxy
        self._issuers = issuers
        self._credentials = Credentials()
        self._gateway = gateway
        self._pod = pod
        self._news = asyncio.Event()
        self._said: tuple[float, str] = (float("-inf"), "")

    def changed(self) -> None:
        """There is something new."""
        self._news.set()

    async def run(self, programmer: Programmer) -> None:
        """Go on until cancelled."""
        failures = 0
        while True:
            self._news.clear()
            await self._look()
            words, said_at = self._words(programmer), self._said[0]
            try:
                if words != self._said[1] or boottime() - said_at > _REPEAT_SECONDS:
                    await self._say(words)
                failures = 0
                pause = _LOOK_SECONDS
            except NotLeading as error:
                failures += 1
                if failures == _TOLD_AT:
                    log.warning("no report: %s", error.message)
                pause = _SEARCH.delay(failures)
            except Unreachable as error:
                failures += 1
                metrics.failures_total.labels("Report").inc()
                if failures == 1:
                    log.warning("no report: %s", error.message)
                pause = _BACKOFF.delay(failures)
            await rest(pause, self._news)

    async def _say(self, words: str) -> None:
        answer = await self._operator.ask("POST", f"/v1/reports/{self._gateway}", data=words.encode())
        if answer.status == _NOT_LEADING:
            raise NotLeading("Unreachable", "no replica of the operator leads")
        if answer.status >= 300:
            raise Unreachable("Unreachable", f"the operator answers a report with status {answer.status}")
        self._said = boottime(), words

    async def _look(self) -> None:
        with suppress(ProxyGone):
            self._credentials.look(await self._proxy.counters(credentials.PATTERN), boottime())

    def _words(self, programmer: Programmer) -> str:
        refused, held = self._held.refused, self._held.program
        files = held.program.files if held else {}
        return json.dumps(
            {
                "pod": self._pod,
                "generation": programmer.serving,
                "rejected": refused.words if refused else "",
                "credentials": self._credentials.wanting(files),
                "issuers": self._issuers.lacking,
            }
        )
