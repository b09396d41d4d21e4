"""Asks the operator for what is new, again and again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from paceline.agent import metrics
from paceline.agent.errors import Unreachable
from paceline.agent.held import Held, UnreadableError, addresses
from paceline.agent.programming import Programmer
from paceline.agent.remote import Answer, Remote
from paceline.kube.backoff import Backoff
from paceline.settings import boottime

log = logging.getLogger(__name__)

#: How long the operator may keep us waiting for news.
WAIT_SECONDS = 25
_BACKOFF = Backoff(first=0.2, most=10.0)
#: Failures in a row that are said: a replica that is behind sends agents to another one, and so does one that ends.
_TOLD_AT = 3
#: After an answer that is of no use.
_USELESS_SECONDS = 2.0


class Fetching:
    """Two long polls: programs, and addresses apart, because these come and go with pods.

    Args:
        operator: Whom to ask.
        held: What is held.
        programmer: Who takes what is new.
        gateway: namespace/name.
    """

    def __init__(self, operator: Remote, held: Held, programmer: Programmer, gateway: str) -> None:
        self._operator = operator
        self._held = held
        self._programmer = programmer
        self._gateway = gateway

    async def programs(self) -> None:
        """Go on until cancelled."""
        await _again("program", self._program)

    async def addresses(self) -> None:
        """Go on until cancelled."""
        await _again("addresses", self._addresses)

    async def _program(self) -> None:
        generation, digest = self._programmer.known
        params: dict[str, str | int] = {"generation": generation, "digest": digest, "wait": WAIT_SECONDS}
        answer = await self._operator.ask("GET", f"/v1/programs/{self._gateway}", params, seconds=WAIT_SECONDS + 10)
        if _is_news(answer):
            try:
                numbered = self._held.numbered(answer.body)
            except UnreadableError as unreadable:
                self._programmer.decline(unreadable.refused)
                return
            if not self._programmer.offer(numbered):
                raise ValueError(f"generation {numbered.generation} is not later than {generation}, which is here")

    async def _addresses(self) -> None:
        params: dict[str, str | int] = {"version": self._held.addresses.version, "wait": WAIT_SECONDS}
        answer = await self._operator.ask("GET", f"/v1/addresses/{self._gateway}", params, seconds=WAIT_SECONDS + 10)
        if _is_news(answer):
            self._programmer.move(addresses(answer.body))


def _is_news(answer: Answer) -> bool:
    """Whether there is any.

    Raises:
        Unreachable: it was not told.
    """
    if answer.status not in {200, 204}:
        raise Unreachable("Unreachable", f"the operator answers with status {answer.status}")
    return answer.status == 200


async def _again(what: str, fetch: Callable[[], Awaitable[None]]) -> None:
    failures = 0
    while True:
        try:
            await fetch()
            if failures >= _TOLD_AT:
                log.info("the operator gives its %s again", what)
            failures = 0
            metrics.fetched[what] = boottime()
        except Unreachable as error:
            failures += 1
            metrics.failures_total.labels("Fetch").inc()
            if failures == _TOLD_AT:
                log.warning("no %s: %s. What is here goes on serving.", what, error.message)
            await asyncio.sleep(_BACKOFF.delay(failures))
        except ValueError as error:
            metrics.failures_total.labels("Fetch").inc()
            log.error("the operator's %s are not taken: %s", what, error)
            await asyncio.sleep(_USELESS_SECONDS)
        except OSError as error:
            metrics.failures_total.labels("Files").inc()
            log.error("the %s cannot be kept: %s", what, error.strerror)
            await asyncio.sleep(_USELESS_SECONDS)
