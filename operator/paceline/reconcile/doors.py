"""Gateways and Consumers at work: their desks and stories, and the server that their agents ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from paceline.kube.client import Api
from paceline.kube.events import Events
from paceline.kube.family import CALLERS, DOORS, MODELS, Family
from paceline.kube.namespaces import Namespaces
from paceline.kube.resources import Key
from paceline.kube.reviews import Reviews
from paceline.reconcile.accountant import Accountant
from paceline.reconcile.bookkeeper import Bookkeeper
from paceline.reconcile.certificate import Certificate
from paceline.reconcile.consumer import Consumers
from paceline.reconcile.desk import Desk
from paceline.reconcile.follower import Follower
from paceline.reconcile.fronts import Fronts
from paceline.reconcile.gateway import Gateways
from paceline.reconcile.measures import Measures
from paceline.reconcile.moves import Moves
from paceline.reconcile.neighbours import Neighbours
from paceline.reconcile.outcome import Outcome
from paceline.reconcile.workshop import Workshop
from paceline.render.gateway.pod import AUDIENCE
from paceline.settings import OperatorSettings
from paceline.snapshots.board import Board
from paceline.snapshots.server import Snapshots

log = logging.getLogger(__name__)

_WORKERS = 4


class Doors:
    """Everything about Gateways and Consumers.

    Args:
        api: The API server.
        asking: The same for requests that need no Lease.
        models: The desk of ModelDeployments.
        scopes: Namespaces, or one None for the whole cluster.
        events: What is told.
        settings: In force.
        allowed: Whether this process decides.
        serves: Whether it knows enough to serve agents, whoever decides.
    """

    def __init__(
        self,
        api: Api,
        asking: Api,
        models: Desk,
        scopes: tuple[str | None, ...],
        events: Events,
        settings: Callable[[], OperatorSettings],
        allowed: Callable[[], bool],
        serves: Callable[[], bool],
    ) -> None:
        self._allowed = allowed
        self.gateways = Desk(DOORS, api, scopes, lambda: allowed() or serves())
        self.consumers = Desk(CALLERS, api, scopes, allowed)
        self._namespaces = Namespaces(api, readable=scopes == (None,))
        self._neighbours = Neighbours(models.cache, self.gateways.cache, self.consumers.cache, self._namespaces)
        self._board = Board(self.gateways.look_at)
        self._certificate = Certificate(api, settings, allowed)
        self._settings = settings
        self._server = Snapshots(self._board, Reviews(asking, AUDIENCE).user, allowed)
        self._moves = Moves(self._board, self._neighbours.model, self.gateways.look_soon_at)
        workshop = Workshop(api, self._neighbours, settings)
        self._gateways = Gateways(
            api,
            self.gateways.cache,
            workshop,
            self._board,
            self._moves,
            events,
            settings,
            lambda: self._certificate.authority,
            self._standing_changed,
            self.gateways.look_at,
            self._led,
        )
        self._measures = Measures(
            models.look_at, settings, allowed, self._gateways.led_to, lambda: self._certificate.authority
        )
        self.fronts = Fronts(models, self._gateways.standings, lambda: self._gateways.complete, self._measures)
        self._follower = Follower(self.gateways.cache, workshop, self._board, self._moves, settings)
        self._bookkeeper = Bookkeeper(self._gateways.terms, settings, allowed, lambda: self._certificate.authority)
        self._accountant = Accountant(
            settings,
            allowed,
            self._neighbours.every_consumer,
            self.consumers.look_at,
            lambda: self._certificate.authority,
        )
        self._consumers = Consumers(
            api,
            self.consumers.cache,
            self._neighbours,
            workshop,
            events,
            self._gateways.standings,
            self.gateways.look_at,
            self._accountant.account,
        )

    def workers(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """Parts that serve the queues and agents, speak to the ledger, and read labels of namespaces."""
        return [
            ("certificate", self._certificate.run()),
            ("agents' server", self._serve()),
            ("bookkeeper", self._bookkeeper.run()),
            ("accountant", self._accountant.run()),
            ("measures", self._measures.run()),
            ("namespaces", self._namespaces.run(lambda: bool(self._neighbours.selecting()), self._labelled)),
            *self.gateways.workers(_WORKERS, self._reconcile),
            *self.consumers.workers(_WORKERS, self._consumers.reconcile),
        ]

    async def _serve(self) -> None:
        """Serve agents as soon as there is a certificate to show them, until cancelled.

        Raises:
            OSError: the port cannot be opened.
        """
        await self._certificate.there.wait()
        server = self._settings().server
        async with self._server.serving(server.host, server.agents_port, self._certificate.context):
            await asyncio.Event().wait()

    def begin(self) -> None:
        """A term of leading begins."""
        self._gateways.begin()

    async def _reconcile(self, key: Key) -> Outcome:
        return await (self._gateways.reconcile(key) if self._allowed() else self._follower.look(key))

    def heard(self, family: Family, key: Key) -> None:
        """Look at Gateways that an object of another kind matters to."""
        if family is MODELS:
            self._heard_model(key)
        if family is CALLERS:
            for each in self._neighbours.doors_of(key):
                self.gateways.look_at(each)

    def _labelled(self) -> None:
        """Labels of namespaces are others: who is taken may be somebody else."""
        for gateway in self._neighbours.selecting():
            self.gateways.look_at(gateway)
            for each in self._neighbours.callers_of(gateway):
                self.consumers.look_at(each)

    def _led(self, models: frozenset[Key]) -> None:
        self.fronts.led(models)

    def _heard_model(self, key: Key) -> None:
        """Exchange addresses at once, on every replica; translate only where more may change."""
        found = self._moves.heard(key)
        if found is None:
            for each in self._neighbours.users_of(key):
                self.gateways.look_soon_at(each)
            return
        model, moved = found
        for each in moved if self._allowed() else ():
            if self._gateways.moved(each, model):
                self._bookkeeper.tell()

    def _standing_changed(self, gateway: Key) -> None:
        self._bookkeeper.tell()
        for each in self._neighbours.callers_of(gateway):
            self.consumers.look_at(each)
