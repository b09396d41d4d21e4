"""What the handlers of one replica share, and what it does by itself: looking, expiring, pruning, measuring."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

import aiohttp
from aiohttp import web

from paceline.api.ledger_config import LedgerConfig
from paceline.api.record import Record
from paceline.errors import PacelineError
from paceline.ledger import documents, news, reservations, retention
from paceline.ledger.book import Book
from paceline.ledger.news import News
from paceline.ledger.service import metrics
from paceline.ledger.service.access import Access
from paceline.ledger.service.certificate import Certificate, authority
from paceline.ledger.service.configfile import ConfigFile
from paceline.ledger.service.denials import Denials
from paceline.ledger.service.engines import Engines, Pages
from paceline.ledger.service.owners import Owners
from paceline.ledger.service.rooms import Rooms
from paceline.ledger.service.settings import Settings
from paceline.ledger.service.spending import Spending
from paceline.ledger.service.verifier import Verifier
from paceline.ledger.store import Store
from paceline.settings import microseconds
from paceline.stats import slo

log = logging.getLogger(__name__)

_EXPIRE_SECONDS = 5.0
_PRUNE_SECONDS = 300.0
_MEASURE_SECONDS = 2.0


class Service:
    """One replica of the ledger.

    Args:
        settings: As long as the process runs.
        store: Open; closed at the end.
        verifier: Tells who has a token.
        now_us: Clock, microseconds since 1970.
        engines: Tells what engines have under way; default: their pages.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        verifier: Verifier,
        *,
        now_us: Callable[[], int] = microseconds,
        engines: Engines | None = None,
    ) -> None:
        self.settings = settings
        self.access = Access(store, now_us)
        self.verifier = verifier
        self.now_us = now_us
        self.book: Book | None = None
        self.ready = False
        self.ending = False
        self.requests = 0
        self.quiet = asyncio.Event()
        self.quiet.set()
        self.denials = Denials()
        self.certificate = Certificate(settings.tls) if settings.tls else None
        trusted = aiohttp.TCPConnector(ssl=authority(settings.ca_file))
        self.session = aiohttp.ClientSession(connector=trusted, cookie_jar=aiohttp.DummyCookieJar())
        self.rooms = Rooms(self._opened)
        self.owners = Owners(settings, self.rooms, self.session)
        self._engines = engines or Pages(self.session)
        self.spending = Spending(self.access, self.denials, now_us)
        self._file = ConfigFile(settings.config_file) if settings.config_file else None
        self._read_to = 0
        self._looked = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended = asyncio.Event()

    async def start(self) -> None:
        """Learn what was told and recorded before, and begin with what is done by itself.

        Raises:
            StoreUnavailable: the database failed.
        """
        self._read_to = await self.access.read(news.newest)
        await self.look()
        looks = self.settings.look_seconds
        self.background(self._again("look for news", looks, self._look_around))
        self.background(self._again("expire reservations", _EXPIRE_SECONDS, self._expire))
        self.background(self._again("remove what is old", _PRUNE_SECONDS, self._prune))
        self.background(self._again("measure engines", _MEASURE_SECONDS, self._measure_all))
        if self.certificate:
            self.background(self._again("look for a certificate", looks, self._look_for_certificate))
        self.background(self.spending.run())

    def opened(self) -> None:
        """A request came."""
        self.requests += 1
        self.quiet.clear()

    def closed(self) -> None:
        """A request was answered."""
        self.requests -= 1
        if not self.requests:
            self.quiet.set()

    def end(self) -> None:
        """Take nothing new: not ready any more, and nobody polls any longer."""
        self.ready = False
        self.ending = True
        self.denials.close()

    async def stop(self) -> None:
        """End all that goes on, and close the store."""
        self.end()
        self._ended.set()
        self.rooms.close()
        for task in self._tasks:
            if task.get_name() != _LAST:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.session.close()
        await asyncio.to_thread(self.access.close)

    def background(self, work: Coroutine[Any, Any, Any], *, last: bool = False) -> None:
        """Do something that nobody waits for; `last` is waited for even when the process ends."""
        task = asyncio.create_task(work, name=_LAST if last else None)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def configure(self, config: LedgerConfig) -> None:
        """Take a document in, for all replicas.

        Raises:
            ValueError: something in it is wrong.
            Outdated: a later one is in force.
            StoreFull, StoreUnavailable: it could not be kept.
        """
        Book.of(config)
        await self.access.write(documents.keep, config)
        await self.look()

    def recorded(self, records: Iterable[Record]) -> None:
        """Act on what this replica has recorded itself."""
        for record in records:
            if record.deployment:
                metrics.requests_eligible_total.labels(record.deployment).inc(slo.eligible(record))
                metrics.requests_good_total.labels(record.deployment).inc(slo.good(record))
                metrics.tokens_total.labels(record.deployment, "input").inc(record.input_tokens)
                metrics.tokens_total.labels(record.deployment, "output").inc(record.output_tokens)
        self._heard([News.of(record) for record in records if record.billed])

    async def look(self) -> None:
        """Look once at what was told and recorded, by whichever replica.

        Raises:
            StoreUnavailable: the database failed.
        """
        async with self._looked:
            await self._read_file()
            found = await self.access.read(documents.later, self.book.generation if self.book else 0)
            if found is not None:
                await self._apply(Book.of(found))
            while True:
                reached, heard = await self.access.read(news.after, self._read_to)
                more = reached > self._read_to
                self._read_to = reached
                if len(self.settings.names) > 1:
                    self._heard(heard)
                if not more:
                    return

    async def _look_around(self) -> None:
        await self.look()
        if self.access.unwritable:
            # Who would write is refused at once meanwhile, so nobody else finds out that it is well again.
            await self._expire()

    async def _look_for_certificate(self) -> None:
        if self.certificate:
            self.certificate.look()

    async def _read_file(self) -> None:
        config = self._file.changed() if self._file else None
        if config is None:
            return
        try:
            Book.of(config)
            await self.access.write(documents.keep, config)
        except documents.Outdated as outdated:
            metrics.config_refused_total.labels("Outdated").inc()
            log.warning("%s: %s", self.settings.config_file, outdated.message)
        except ValueError as wrong:
            metrics.config_refused_total.labels("Invalid").inc()
            log.error("%s: %s. The document before is in force.", self.settings.config_file, wrong)

    async def _apply(self, book: Book) -> None:
        await self.spending.apply(book)
        self.book = book
        self.denials.touch()
        self.rooms.apply(book.deployments)
        metrics.objective_ratio.clear()
        for name, each in book.deployments.items():
            if each.slo:
                metrics.objective_ratio.labels(name).set(float(each.slo.objective_percent) / 100)
        metrics.config_generation.set(book.generation)
        self.ready = not self.ending
        log.info("generation %d of the document is in force", book.generation)

    def _heard(self, heard: Iterable[News]) -> None:
        for each in heard:
            if each.over:
                self.rooms.leave(each.deployment, each.request_id)
        self.spending.look_at({each.consumer for each in heard})

    def _opened(self, deployment: str) -> None:
        self.background(self._measure(deployment))

    async def _measure_all(self) -> None:
        await asyncio.gather(*(self._measure(name) for name in self.rooms.names))

    async def _measure(self, name: str) -> None:
        deployment = self.book.deployments.get(name) if self.book else None
        if deployment is not None and deployment.engine_urls:
            found = await self._engines.in_flight(deployment)
            if found is not None:
                self.rooms.room(name).measured(found)

    async def _expire(self) -> None:
        expired = await self.access.write(reservations.expire, self.now_us())
        if expired:
            metrics.expired_total.inc(expired)
            log.warning("%d requests left no record; what was reserved for them is given back", expired)

    async def _prune(self) -> None:
        await self.access.write(retention.prune, self.settings.retention, self.now_us())

    async def _again(self, what: str, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Do something again and again, whatever becomes of it."""
        failing = False
        while True:
            try:
                async with asyncio.timeout(seconds):
                    await self._ended.wait()
                return
            except TimeoutError:
                pass
            try:
                await work()
                failing = False
            except PacelineError as error:
                if not failing:
                    log.warning("cannot %s: %s", what, error.message)
                failing = True
            except Exception:
                log.exception("cannot %s, in a way that it should not be", what)


_LAST = "last"
SERVICE: web.AppKey[Service] = web.AppKey("service", Service)
