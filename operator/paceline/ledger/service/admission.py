"""POST /v1/admission: may a request go on? Asked by Envoy's filter ext_authz, and answered once that is so.

First what it can cost is reserved and it is counted as under way, then it waits for an engine. Whoever is refused or
leaves gets back what was reserved.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from paceline.api.ledger_config import LedgerConsumer, LedgerRoute
from paceline.api.question import Question, parse
from paceline.decide import admission
from paceline.decide.admission import Refusal
from paceline.decide.budget import Verdict
from paceline.decide.queue import Ticket
from paceline.errors import PacelineError
from paceline.ledger import reservations
from paceline.ledger.book import Book
from paceline.ledger.errors import StoreFull, StoreUnavailable
from paceline.ledger.reservations import Ask
from paceline.ledger.service import http, metrics
from paceline.ledger.service.http import IDENTITY
from paceline.ledger.service.rooms import clock_us
from paceline.ledger.service.service import SERVICE, Service
from paceline.ledger.service.verifier import Identity

_log = logging.getLogger(__name__)

HEADER = "x-pl-request"
#: The code of a refusal, which the gateway's log has: by it a request that found no engine is told from one too many.
REFUSAL = "x-paceline-refusal"
_SECOND_US = 1_000_000
_MOST_ID = 128


async def admit(request: web.Request) -> web.Response:
    """200 once the request may go on, else the answer that its client gets."""
    began = asyncio.get_running_loop().time()
    refusal = await _refusal(request)
    metrics.admission_seconds.observe(asyncio.get_running_loop().time() - began)
    metrics.admissions_total.labels(refusal.code if refusal else "Admitted").inc()
    return _answer(refusal) if refusal else web.Response()


def unavailable(words: str) -> web.Response:
    """What the client gets of whom nobody can tell whether it may."""
    return _answer(admission.unavailable(words))


def _answer(refusal: Refusal) -> web.Response:
    return http.answer(refusal.body, refusal.status, refusal.headers | {REFUSAL: refusal.code})


async def _refusal(request: web.Request) -> Refusal | None:
    service = request.app[SERVICE]
    number = request.headers.get("x-request-id", "")
    try:
        question = parse(request.headers.get(HEADER, ""))
        if not 0 < len(number) <= _MOST_ID:
            raise ValueError(f"x-request-id must have 1 to {_MOST_ID} characters")
    except ValueError as wrong:
        _log.error("gateway %s asks for admission in a way that is not known: %s", request[IDENTITY].gateway, wrong)
        return admission.unavailable("What is asked for admission cannot be read.")
    if service.book is None:
        return admission.unavailable("The ledger has no document yet.")
    return await Admission(service, service.book, request[IDENTITY], number, question).refusal()


class Admission:
    """One request that asks."""

    def __init__(self, service: Service, book: Book, identity: Identity, number: str, question: Question) -> None:
        self._service = service
        self._book = book
        self._identity = identity
        self._number = number
        self._question = question

    async def refusal(self) -> Refusal | None:
        """Why it may not go on; None once it may."""
        route = self._book.routes.get((self._identity.gateway, self._question.model))
        if route is None:
            return admission.unavailable("The ledger does not know this model yet.")
        # A gateway without keys knows nobody, also not the Consumer of the name that it gives to everybody.
        anonymous = self._book.gateways[self._identity.gateway].anonymous
        consumer = None if anonymous else self._book.consumers.get(self._question.consumer)
        if consumer is None and not anonymous:
            return admission.unavailable("The ledger does not know this key yet.")
        if consumer is not None:
            if denied := self._service.denials.of(consumer.name):
                return admission.denied(denied, self._service.now_us())
            gone = self._service.access.gone_us
            if gone is not None and (refusal := admission.without_store(consumer, gone)):
                return refusal
        if consumer is None or not consumer.reserves:
            return await self._queued(route, consumer)
        return await self._reserved(route, consumer)

    async def _reserved(self, route: LedgerRoute, consumer: LedgerConsumer) -> Refusal | None:
        """Reserve, then wait; without the one there is not the other."""
        holding = asyncio.ensure_future(self._service.access.write(reservations.reserve, *self._ask(route, consumer)))
        try:
            try:
                verdict: Verdict | None = await asyncio.shield(holding)
            except (StoreFull, StoreUnavailable):
                # It may have been written all the same; the record of the refusal settles it.
                verdict = None
                if refusal := admission.without_store(consumer, self._service.access.gone_us or 0):
                    return refusal
            if verdict is not None and not verdict.allowed:
                crowded = verdict.reason == "ConcurrencyLimit"
                limit = consumer.max_concurrent_requests or 0
                return admission.crowded(limit) if crowded else admission.spent(verdict)
            refusal = await self._queued(route, consumer)
        except asyncio.CancelledError:
            self._service.background(self._give_back(holding), last=True)
            raise
        if refusal is not None:
            await self._give_back(holding)
        return refusal

    def _ask(self, route: LedgerRoute, consumer: LedgerConsumer) -> tuple[Ask, int]:
        now_us = self._service.now_us()
        prices = self._book.prices[self._identity.gateway]
        asked = Ask(
            self._number,
            consumer.name,
            self._identity.shipper,
            self._book.budgets.get(consumer.name, ()),
            admission.worst_cost(self._question, route, prices, now_us),
            route.longest_seconds + route.waiting.max_seconds,
            consumer.max_concurrent_requests,
        )
        return asked, now_us

    async def _queued(self, route: LedgerRoute, consumer: LedgerConsumer | None) -> Refusal | None:
        if not route.deployment:
            return None
        ticket = Ticket(
            self._number,
            # Callers without a key share one turn.
            consumer.name if consumer else "",
            consumer.priority if consumer else 9,
            clock_us() + route.waiting.max_seconds * _SECOND_US,
            route.longest_seconds * _SECOND_US,
            route.waiting.max_requests,
        )
        decision = await self._service.owners.place(route.deployment, ticket)
        return None if decision.outcome == "Admitted" else admission.waited(decision, route)

    async def _give_back(self, holding: asyncio.Future[Verdict]) -> None:
        """Give back what was reserved, or is just being reserved."""
        try:
            if (await holding).allowed:
                await self._service.access.write(reservations.cancel, self._number)
        except PacelineError as error:
            _log.warning(
                "what request %s holds cannot be given back before it expires: %s", self._number, error.message
            )
