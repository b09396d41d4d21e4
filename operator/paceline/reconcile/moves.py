"""Pods that come and go: their addresses are exchanged in what agents get, and nothing is translated.

All that is done here costs as much as the ModelDeployment has pods, however many others there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from paceline.gateway import snapshot
from paceline.gateway.ir import Cluster
from paceline.gateway.moved import addressed, by_deployment, same_routes
from paceline.gateway.observation import Model
from paceline.gateway.snapshot import Program
from paceline.gateway.stamp import Stamp
from paceline.kube.resources import Key
from paceline.reconcile.workshop import Work
from paceline.snapshots.board import Board


@dataclass(frozen=True, slots=True)
class _Use:
    """A ModelDeployment in the program of a Gateway.

    Attributes:
        model: What the program was made of.
        clusters: Of its pods; none where the Gateway does not get to ask it.
    """

    model: Model
    clusters: tuple[Cluster, ...]


@dataclass(frozen=True, slots=True)
class MadeOf:
    """What a program was made of.

    Attributes:
        mark: Of `Moves`, before it was read.
    """

    work: Work
    mark: int


class Moves:
    """Who uses which pods, and the exchange of their addresses.

    Args:
        board: What is put up.
        model: A ModelDeployment as it is now.
        look: Called with a Gateway of which more than addresses may change.
    """

    def __init__(self, board: Board, model: Callable[[Key], Model | None], look: Callable[[Key], None]) -> None:
        self._board = board
        self._model = model
        self._look = look
        self._uses: dict[Key, dict[Key, _Use]] = {}
        self._models: dict[Key, frozenset[Key]] = {}
        self._heard: dict[Key, int] = {}
        #: Counts what was heard, so that a translation knows what came after it was begun.
        self.mark = 0

    def post(self, gateway: Key, stamp: Stamp, program: Program, addresses: Mapping[str, str], made_of: MadeOf) -> None:
        """Put up what was made of this, with the addresses of pods as they are now."""
        self._board.post(gateway, stamp, program, addresses)
        clusters = by_deployment(made_of.work.translation.gateway)
        models = made_of.work.models
        for gone in self._models.get(gateway, frozenset()) - models.keys():
            self._leave(gone, gateway)
        self._models[gateway] = frozenset(models)
        for key, model in models.items():
            use = _Use(model, clusters.get(str(key), ()))
            self._uses.setdefault(key, {})[gateway] = use
            if self._heard.get(key, 0) > made_of.mark and (now := self._model(key)):
                self._move(gateway, use, now)

    def remove(self, gateway: Key) -> None:
        """A Gateway is gone."""
        self._board.remove(gateway)
        for key in self._models.pop(gateway, frozenset()):
            self._leave(key, gateway)

    def since(self, mark: int) -> list[Model]:
        """ModelDeployments that were heard of after a mark, as they are now."""
        keys = (key for key, heard in self._heard.items() if heard > mark)
        return [now for key in keys if (now := self._model(key))]

    def heard(self, key: Key) -> tuple[Model, list[Key]] | None:
        """A ModelDeployment or one of its pods changed: put up where its pods are now.

        Returns:
            How it is now, and Gateways of which nothing else changes; None where it is not known who uses it.
        """
        self.mark += 1
        self._heard[key] = self.mark
        uses, now = self._uses.get(key), self._model(key)
        if not uses or now is None:
            return None
        return now, [gateway for gateway, use in uses.items() if self._move(gateway, use, now)]

    def _move(self, gateway: Key, use: _Use, now: Model) -> bool:
        self._board.move(gateway, snapshot.addresses(addressed(use.clusters, now)))
        same = same_routes(use.model, now)
        if not same:
            self._look(gateway)
        return same

    def _leave(self, key: Key, gateway: Key) -> None:
        uses = self._uses.get(key, {})
        uses.pop(gateway, None)
        if not uses:
            self._uses.pop(key, None)
