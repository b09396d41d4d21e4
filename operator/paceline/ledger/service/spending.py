"""Keeps the deny lists and the figures of budgets up with what is spent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from paceline.api import money
from paceline.api.ledger_config import LedgerConsumer
from paceline.decide.budget import Budget, Standing
from paceline.decide.denial import Denial, denial
from paceline.errors import PacelineError
from paceline.ledger import accounts
from paceline.ledger.book import Book
from paceline.ledger.service import metrics
from paceline.ledger.service.access import Access
from paceline.ledger.service.denials import Denials
from paceline.ledger.store import Store

_log = logging.getLogger(__name__)

#: Between tries while the store is gone.
_RETRY_SECONDS = 0.5
_SECOND_US = 1_000_000


class Spending:
    """Looks at consumers whose spend has changed, and at those of whom a period has ended.

    Args:
        access: To the store.
        denials: Where the outcome goes.
        now_us: Clock, microseconds since 1970.
    """

    def __init__(self, access: Access, denials: Denials, now_us: Callable[[], int]) -> None:
        self._access = access
        self._denials = denials
        self._now_us = now_us
        self._book: Book | None = None
        #: How budgets stood when something was last spent of them, by consumer and name.
        self.standings: dict[str, Mapping[str, Standing]] = {}
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        # What was read first is told first.
        self._turn = asyncio.Lock()

    def look_at(self, consumers: Iterable[str]) -> None:
        """The spend of consumers has changed."""
        if self._book is not None and (known := self._book.budgets.keys() & set(consumers)):
            self._changed |= known
            self._wake.set()

    async def apply(self, book: Book) -> None:
        """Look at the consumers that are new or others in a document: 0.25 ms each where nothing was spent yet.

        Raises:
            StoreUnavailable: the database failed.
        """
        async with self._turn:
            before, self._book = self._book, book
            known = before.consumers if before else {}
            changed = {name: each for name, each in book.consumers.items() if known.get(name) != each}
            wanted = {name: book.budgets[name] for name in changed if name in book.budgets}
            try:
                standings = await self._access.read(accounts.every, wanted, self._now_us())
            except BaseException:
                self._book = before
                raise
            for name in known:
                if known[name] != book.consumers.get(name):
                    _hide(known[name])
                    self.standings.pop(name, None)
            for name, each in standings.items():
                _show(name, wanted[name], each)
            self.standings |= standings
            gone: dict[str, Denial | None] = dict.fromkeys(known.keys() - book.consumers.keys())
            found = {
                name: denial(each, wanted.get(name, ()), standings.get(name, {})) for name, each in changed.items()
            }
            self._denials.update(gone | found)
        # The first end of a period may be another one now.
        self._wake.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._rest()
            self._changed |= self._denials.due(self._now_us())
            changed, self._changed = self._changed, set()
            try:
                async with self._turn:
                    await self._look(changed)
            except PacelineError as error:
                _log.warning("what is spent cannot be looked at: %s", error.message)
                self._changed |= changed
                self._wake.set()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _rest(self) -> None:
        """Until something is spent, or the first period of a denied consumer ends."""
        due = self._denials.next_us
        seconds = None if due is None else max(0, due - self._now_us()) / _SECOND_US
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _look(self, consumers: set[str]) -> None:
        book = self._book
        if book is None or not consumers:
            return
        wanted = {name: book.budgets[name] for name in sorted(consumers & book.budgets.keys())}
        found = await self._access.write(_standings, wanted, self._now_us())
        for name, standings in found.items():
            _show(name, wanted[name], standings)
        self.standings |= found
        self._denials.update({name: denial(book.consumers[name], wanted[name], found[name]) for name in wanted})


def _standings(store: Store, wanted: Mapping[str, Sequence[Budget]], now_us: int) -> dict[str, dict[str, Standing]]:
    return {name: accounts.standings(store, name, budgets, now_us) for name, budgets in wanted.items()}


def _hide(consumer: LedgerConsumer) -> None:
    for each in consumer.budgets:
        with suppress(KeyError):
            metrics.budget_remaining.remove(consumer.name, each.name)


def _show(consumer: str, budgets: Sequence[Budget], standings: Mapping[str, Standing]) -> None:
    for each in budgets:
        remaining = (each.amount - standings[each.name].spent) / money.UNIT
        metrics.budget_remaining.labels(consumer, each.name).set(remaining)
