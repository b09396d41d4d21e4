"""Gateways and Consumers at work: their desks and stories, and the server that their agents ask."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from paceline.kube.client import Api
from paceline.kube.events import Events
from paceline.kube.family import CALLERS, DOORS, MODELS, Family
from paceline.kube.resources import Key
from paceline.kube.reviews import Reviews
from paceline.reconcile.bookkeeper import Bookkeeper
from paceline.reconcile.consumer import Consumers
from paceline.reconcile.desk import Desk
from paceline.reconcile.gateway import Gateways
from paceline.reconcile.neighbours import Neighbours
from paceline.reconcile.workshop import Workshop
from paceline.render.gateway.pod import AUDIENCE
from paceline.settings import OperatorSettings
from paceline.snapshots.board import Board
from paceline.snapshots.server import Snapshots, server_tls

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
    ) -> None:
        self.gateways = Desk(DOORS, api, scopes, allowed)
        self.consumers = Desk(CALLERS, api, scopes, allowed)
        self._neighbours = Neighbours(models.cache, self.gateways.cache, self.consumers.cache)
        self._board = Board(self.gateways.look_at)
        self._server = Snapshots(self._board, Reviews(asking, AUDIENCE).user)
        workshop = Workshop(api, self._neighbours, settings)
        self._gateways = Gateways(
            api,
            self.gateways.cache,
            workshop,
            self._board,
            events,
            settings,
            self._standing_changed,
            self.gateways.look_at,
        )
        self._bookkeeper = Bookkeeper(self._gateways.terms, settings, allowed)
        self._consumers = Consumers(
            api,
            self.consumers.cache,
            self._neighbours,
            workshop,
            events,
            self._gateways.standings,
            self.gateways.look_at,
        )

    def workers(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """Parts that serve the queues, and the one that tells the ledger."""
        return [
            ("bookkeeper", self._bookkeeper.run()),
            *self.gateways.workers(_WORKERS, self._gateways.reconcile),
            *self.consumers.workers(_WORKERS, self._consumers.reconcile),
        ]

    @contextlib.asynccontextmanager
    async def serving(self, settings: OperatorSettings) -> AsyncIterator[None]:
        """Serve agents, where there is a certificate to show them.

        Raises:
            OSError: the port cannot be opened.
        """
        folder = Path(settings.gateways.tls_folder)
        if not (folder / "tls.crt").exists():
            log.warning("%s has no certificate: gateways get no configuration from this process", folder)
            yield
            return
        async with self._server.serving(settings.server.host, settings.server.agents_port, server_tls(folder)):
            yield

    def heard(self, family: Family, key: Key) -> None:
        """Look at Gateways that an object of another kind matters to."""
        if family is MODELS:
            for each in self._neighbours.users_of(key):
                self.gateways.look_soon_at(each)
        if family is CALLERS:
            for each in self._neighbours.doors_of(key):
                self.gateways.look_at(each)

    def _standing_changed(self, gateway: Key) -> None:
        self._bookkeeper.tell()
        for each in self._neighbours.callers_of(gateway):
            self.consumers.look_at(each)
