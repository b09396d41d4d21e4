"""Nodes and quotas as they were a moment ago. They are not watched: only models whose pods are to come ask for them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

from paceline.decide.capacity import Capacity, NodeView, QuotaView
from paceline.decide.views import node_view, quota_view
from paceline.errors import Waiting
from paceline.kube.client import Api
from paceline.kube.resources import NODES, RESOURCEQUOTAS, JsonObject, Resource
from paceline.settings import boottime

#: A thousand models that are made at once cost one list, and none is judged by what was there long ago.
_LASTS_SECONDS = 5.0

View = TypeVar("View")


class _Lists(Generic[View]):
    """Lists of one resource, each kept for a moment."""

    def __init__(
        self, api: Api, resource: Resource, view: Callable[[JsonObject], View | None], clock: Callable[[], float]
    ) -> None:
        self._api, self._resource, self._view, self._clock = api, resource, view, clock
        self._known: dict[str | None, tuple[float, tuple[View, ...] | None]] = {}
        self._locks: defaultdict[str | None, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, namespace: str | None) -> tuple[View, ...] | None:
        """The list; None where it may not be read."""
        async with self._locks[namespace]:
            until, views = self._known.get(namespace, (0.0, None))
            if self._clock() >= until:
                views = await self._read(namespace)
                self._known[namespace] = self._clock() + _LASTS_SECONDS, views
            return views

    async def _read(self, namespace: str | None) -> tuple[View, ...] | None:
        try:
            _, items = await self._api.items(self._resource, namespace)
        except Waiting:  # forbidden
            return None
        return tuple(view for item in items if (view := self._view(item)) is not None)


class Places:
    """Where pods may go.

    Args:
        api: The API server.
        sees_nodes: Whether nodes may be listed.
        clock: Seconds.
    """

    def __init__(self, api: Api, sees_nodes: Callable[[], bool], clock: Callable[[], float] = boottime) -> None:
        self._sees_nodes = sees_nodes
        self._nodes: _Lists[NodeView] = _Lists(api, NODES, node_view, clock)
        self._quotas: _Lists[QuotaView] = _Lists(api, RESOURCEQUOTAS, quota_view, clock)

    async def look(self, namespace: str) -> Capacity:
        """What there is, at most some seconds old.

        Raises:
            Transient: it cannot be read just now.
        """
        nodes = await self._nodes.of(None) if self._sees_nodes() else None
        return Capacity(nodes, await self._quotas.of(namespace) or ())
