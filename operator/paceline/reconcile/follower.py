"""A Gateway where this process does not lead: what the leader numbered is put up once it comes to the same here."""

from __future__ import annotations

import logging
from collections.abc import Callable

from paceline.api.gateway import Gateway
from paceline.decide.observation import PodView
from paceline.errors import Stalled
from paceline.gateway import snapshot
from paceline.gateway.stamp import Stamp
from paceline.kube.cache import Cache
from paceline.kube.resources import Key
from paceline.kube.values import KEPT_SECONDS
from paceline.reconcile.moves import MadeOf, Moves
from paceline.reconcile.outcome import Outcome
from paceline.reconcile.workshop import Workshop
from paceline.render.gateway.pod import FILES
from paceline.settings import OperatorSettings
from paceline.snapshots.board import Board

log = logging.getLogger(__name__)

#: What is watched comes within milliseconds of the number; after this many looks it is something that is not watched.
_LOOKS = 2
_SOON_SECONDS = 0.3


class Follower:
    """Everything that the look needs, and the look. Nothing is ever written.

    A program has the leader's number only where its digest is the leader's: an older view, another configuration or
    another release come to another one, and are not served.

    Args:
        cache: Of Gateways.
        workshop: Translates.
        board: Where agents find their programs.
        moves: Puts them up there.
        settings: In force.
    """

    def __init__(
        self, cache: Cache, workshop: Workshop, board: Board, moves: Moves, settings: Callable[[], OperatorSettings]
    ) -> None:
        self._cache = cache
        self._workshop = workshop
        self._board = board
        self._moves = moves
        self._settings = settings
        #: Numbers that this process does not come to, and how often it looked.
        self._missed: dict[Key, tuple[Stamp, int]] = {}

    async def look(self, key: Key) -> Outcome:
        """Bring what is put up for one Gateway to what the leader numbered.

        Raises:
            PacelineError: the API server cannot be asked for what it refers to; the worker tries again.
        """
        owner = self._cache.owners.get(key)
        if owner is None or owner.deleting:
            self._moves.remove(key)
            self._missed.pop(key, None)
            return Outcome("gone")
        try:
            gateway = Gateway.parse(owner.body)
        except Stalled as unread:  # what was put up before serves on, as the leader's does
            return Outcome(unread.reason, again_after=float(self._settings().resync_seconds))
        stamp, pods = self._known(key, owner.uid)
        posting = self._board.of(key)
        current = posting.stamp if posting else None
        missed = self._missed.get(key)
        looks = missed[1] if missed and missed[0] == stamp else 0
        mark = self._moves.mark
        work = await self._workshop.work(gateway, pods, anew=looks >= _LOOKS)
        made, addresses = snapshot.program(work.translation.gateway, work.secrets, work.teams, FILES, work.graces)
        if stamp is not None and made.digest == stamp.digest:
            self._missed.pop(key, None)
            self._moves.post(key, stamp, made, addresses, MadeOf(work, mark))
            return Outcome(again_after=KEPT_SECONDS)
        if stamp is None or stamp == current:  # the leader has yet to number what is new
            return Outcome("ahead", again_after=KEPT_SECONDS)
        return self._behind(key, stamp, looks)

    def _known(self, key: Key, uid: str) -> tuple[Stamp | None, list[PodView]]:
        """The leader's number, and the pods that are ready."""
        views = [(child.view, child.owner_uid) for _, _, child in self._cache.owned(key) if not child.deleting]
        stamps = [view for view, owner in views if isinstance(view, Stamp) and owner == uid]
        pods = [view for view, _ in views if isinstance(view, PodView) and view.ready and not view.deleting]
        return (stamps[0] if stamps else None), pods

    def _behind(self, key: Key, stamp: Stamp, looks: int) -> Outcome:
        self._missed[key] = stamp, looks + 1
        if looks >= 1:
            self._board.lag(key)
        if looks == _LOOKS:
            log.warning(
                "this process does not come to generation %d of %s, and leaves it to others", stamp.generation, key
            )
        if looks < _LOOKS:
            return Outcome("behind", again_after=_SOON_SECONDS)
        return Outcome("behind", failed=True)
