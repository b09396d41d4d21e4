"""One of our kinds at work: what is known of it, and which of its objects wait to be looked at."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from paceline.kube.cache import Cache
from paceline.kube.client import Api
from paceline.kube.family import Family
from paceline.kube.hints import Hint, take
from paceline.kube.queue import KeyedQueue
from paceline.kube.resources import Key
from paceline.kube.resync import Resync
from paceline.reconcile.worker import Reconcile, work

#: Changes of children come in bursts (a pod, its Deployment, its EndpointSlice): one look serves them all.
_CHILD_DELAY_SECONDS = 0.2


class Desk:
    """The cache, the queue and the resync of one kind.

    Args:
        family: The kind.
        api: The API server.
        scopes: Namespaces, or one None for the whole cluster.
        allowed: Whether this process decides; else nothing is queued.
    """

    def __init__(self, family: Family, api: Api, scopes: tuple[str | None, ...], allowed: Callable[[], bool]) -> None:
        self.kind = family.itself.kind
        self.cache = Cache(family)
        self.queue: KeyedQueue[Key] = KeyedQueue()
        self.resync = Resync(api, self.cache, scopes, self.look_soon_at)
        self._allowed = allowed

    def workers(self, count: int, reconcile: Reconcile) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """Parts that serve the queue, each with its name."""
        return [
            (f"{self.kind} worker {number}", work(self.kind, self.queue, reconcile, self._allowed))
            for number in range(count)
        ]

    def hinted(self, hint: Hint) -> Key | None:
        """Correct the cache by what was seen, and look at the object that it is about; None where it is no news."""
        news = take(self.cache, hint)
        if news is None:
            return None
        key, itself = news
        if itself:
            self.look_at(key)
        else:
            self.look_soon_at(key)
        return key

    def look_at_all(self) -> None:
        """Look at every object."""
        for key in self.cache.owners:
            self.look_at(key)

    def look_at(self, key: Key) -> None:
        """Look at an object as soon as there is a worker."""
        if self._allowed():
            self.queue.add(key)

    def look_soon_at(self, key: Key) -> None:
        """Look at an object in a moment, for all that comes until then."""
        if self._allowed():
            self.queue.add_after(key, _CHILD_DELAY_SECONDS)
