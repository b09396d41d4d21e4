"""Kubernetes Events: what changed, said once, and never in the way of a reconcile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from paceline import metrics
from paceline.api.digest import short
from paceline.errors import PacelineError
from paceline.kube.client import METADATA, Api
from paceline.kube.resources import EVENTS, JsonObject, Key, Resource
from paceline.settings import boottime, now

log = logging.getLogger(__name__)

_QUEUE = 1_000
_REPEAT_SECONDS = 600.0
_MOST_CHARACTERS = 1_024  # the server refuses longer notes


@dataclass(frozen=True)
class Happening:
    """Something to tell about an object.

    Attributes:
        about: Kind of the object.
        type: Normal, or Warning when somebody has to act.
        reason: CamelCase.
        message: One or two sentences.
    """

    about: Resource
    key: Key
    uid: str
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


class Events:
    """Posts Events one after the other; what does not fit the queue, or was just said, is dropped and counted."""

    def __init__(
        self,
        api: Api,
        identity: str,
        *,
        clock: Callable[[], float] = boottime,
        wall: Callable[[], datetime] = now,
    ) -> None:
        self._api = api
        self._identity = identity
        self._clock = clock
        self._wall = wall
        self._queue: asyncio.Queue[Happening] = asyncio.Queue(_QUEUE)
        self._said: dict[str, float] = {}
        self._count = 0

    def tell(self, happening: Happening) -> None:
        """Queue an Event. Returns at once, always."""
        at = self._clock()
        same = short([happening.uid, happening.type, happening.reason, happening.message])
        if at - self._said.get(same, float("-inf")) < _REPEAT_SECONDS:
            metrics.events_dropped_total.labels("repeated").inc()
            return
        try:
            self._queue.put_nowait(happening)
        except asyncio.QueueFull:
            metrics.events_dropped_total.labels("queue full").inc()
            return
        self._said[same] = at
        if len(self._said) > 2 * _QUEUE:
            self._said = {key: when for key, when in self._said.items() if at - when < _REPEAT_SECONDS}

    async def run(self) -> None:
        """Post what is queued until cancelled. An Event that cannot be posted is gone: conditions tell the same."""
        while True:
            happening = await self._queue.get()
            try:
                await self._api.send(
                    "POST", EVENTS, EVENTS.path(happening.key.namespace), self._body(happening), accept=METADATA
                )
            except PacelineError as error:
                metrics.events_dropped_total.labels("refused").inc()
                log.info("Event %s of %s was not posted: %s", happening.reason, happening.key, error)
            else:
                metrics.events_total.labels(happening.type).inc()

    def _body(self, happening: Happening) -> JsonObject:
        self._count += 1
        stamp = self._wall().strftime("%Y-%m-%dT%H:%M:%SZ")
        unique = short([happening.uid, self._identity, self._count, stamp])
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": f"{happening.key.name}.{unique}", "namespace": happening.key.namespace},
            "involvedObject": {
                "apiVersion": happening.about.api_version,
                "kind": happening.about.kind,
                "namespace": happening.key.namespace,
                "name": happening.key.name,
                "uid": happening.uid,
            },
            "type": happening.type,
            "reason": happening.reason,
            "message": happening.message[:_MOST_CHARACTERS],
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "source": {"component": "paceline"},
            "reportingComponent": "paceline",
            "reportingInstance": self._identity,
        }
