"""The operator as a process: which parts there are, in what order they start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import start_http_server

from paceline import metrics
from paceline.errors import PacelineError
from paceline.kube.backoff import Backoff
from paceline.kube.client import Api, NoFence
from paceline.kube.connection import Connection
from paceline.kube.events import Events
from paceline.kube.family import CALLERS, DOORS, MODELS
from paceline.kube.hints import Hint
from paceline.kube.leader import Leader
from paceline.kube.probes import Health, HealthServer
from paceline.kube.rate import Ceiling
from paceline.kube.scrape import Visits
from paceline.reconcile.configuration import Configuration
from paceline.reconcile.desk import Desk
from paceline.reconcile.doors import Doors
from paceline.reconcile.modeldeployment import ModelDeployments
from paceline.reconcile.worker import beat
from paceline.settings import OperatorSettings, boottime

log = logging.getLogger(__name__)

_WORKERS = 16
_FINISH_SECONDS = 1.0
_WATCH_AGE_SECONDS = 5.0
#: A cache filled longer ago is compared before it is acted on: a watch can be silent for a minute unnoticed.
_FRESH_SECONDS = 5.0


class Watching(Protocol):
    """What runs the watches (handlers.Watcher)."""

    def start(self) -> None:
        """Begin; hints go to the running loop."""

    async def stop(self) -> None:
        """End soon."""

    def restart(self) -> None:
        """Read everything anew."""


MakeWatcher = Callable[[Connection, tuple[str | None, ...], Callable[[Iterable[Hint]], None], Health], Watching]


class Operator:
    """One operator process.

    Args:
        path: Configuration file, read again when it changes.
        settings: What it says now.
        connection: The API server, credentials loaded.
        identity: Unique among the operators of one Lease.
        make_watcher: Builds the part that watches.
    """

    def __init__(
        self,
        path: Path,
        settings: OperatorSettings,
        connection: Connection,
        identity: str,
        make_watcher: MakeWatcher,
    ) -> None:
        scopes = settings.watch.scopes
        election = settings.leader_election
        self.health = Health()
        self._ceiling = Ceiling(settings.api.qps, settings.api.burst)
        self._lease_api = Api(
            connection,
            fence=NoFence(),
            ceiling=Ceiling(10, 10),
            timeout=election.lease_duration_seconds - election.renew_deadline_seconds,
            connections=2,
        )
        self.leader = Leader(
            self._lease_api, election, identity, gained=self._gained, lost=self._lost, rewound=self._rewound
        )
        self._api = Api(connection, fence=self.leader.deadline, ceiling=self._ceiling)
        # Tokens are reviewed by whoever serves agents, leader or not, and not at the Lease's expense.
        self._asking = Api(connection, fence=NoFence(), ceiling=Ceiling(20, 40), connections=4)
        self._events = Events(self._api, identity)
        self.models = Desk(MODELS, self._api, scopes, lambda: self._deciding)
        self._doors = Doors(
            self._api,
            self._asking,
            self.models,
            scopes,
            self._events,
            lambda: self._configuration.current,
            lambda: self._deciding,
            lambda: self._filled,
        )
        self._desks = {MODELS: self.models, DOORS: self._doors.gateways, CALLERS: self._doors.consumers}
        self._visits = Visits(self.models.look_at, lambda: self._configuration.current.probe)
        self._configuration = Configuration(path, settings, self._configured)
        self._story = ModelDeployments(
            self._api,
            self.models.cache,
            self._events,
            self._visits,
            lambda: self._configuration.current,
            self._doors.fronts.front,
        )
        self._watcher = make_watcher(connection, scopes, self._hinted, self.health)
        self._server = settings.server
        self._term = asyncio.Event()
        self._deciding = False
        self._fill = True
        self._filled = False

    async def run(self, stop: asyncio.Event) -> bool:
        """Run until `stop` is set, then end in less than 5 s and give the Lease back.

        Returns:
            False when a part ended by itself: a bug, whose trace is in the log.

        Raises:
            OSError: a port of the configuration cannot be opened.
        """
        async with contextlib.AsyncExitStack() as stack:  # what began last ends first
            for close in (self._lease_api.close, self._api.close, self._asking.close, self._visits.close):
                stack.push_async_callback(close)
            self._listen(stack)
            self._watcher.start()
            stack.push_async_callback(self._watcher.stop)
            stack.push_async_callback(self.leader.release)
            tasks = [asyncio.create_task(part, name=name) for name, part in self._parts()]
            stack.push_async_callback(self._end, tasks)
            return await self._until_stopped(stop, tasks)

    def _listen(self, stack: contextlib.AsyncExitStack) -> None:
        """Open both ports."""
        health = HealthServer(self.health, self._server.host, self._server.health_port)
        health.start()
        stack.callback(health.stop)
        server, thread = start_http_server(self._server.metrics_port, self._server.host, registry=metrics.REGISTRY)
        stack.callback(thread.join)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """Let the reconciles under way finish, then end every part."""
        self._deciding = self._filled = False
        for desk in self._desks.values():
            desk.queue.close()
        await self._finish_held_keys()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _parts(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        return [
            ("leader", self.leader.run()),
            ("terms", self._terms()),
            ("events", self._events.run()),
            ("configuration", self._configuration.run()),
            ("heartbeat", beat(self.health, [desk.queue for desk in self._desks.values()])),
            ("watch age", self._watch_age()),
            *((f"{desk.kind} resync", desk.resync.run(self._resync_seconds)) for desk in self._desks.values()),
            *self.models.workers(_WORKERS, self._story.reconcile),
            *self._doors.workers(),
        ]

    async def _until_stopped(self, stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> bool:
        """Wait for the stop; a part that ends by itself ends the process."""
        stopping = asyncio.create_task(stop.wait(), name="stop")
        done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for task in done - {stopping}:
            log.error("part %s ended by itself", task.get_name(), exc_info=task.exception())
        return stop.is_set()

    async def _finish_held_keys(self) -> None:
        """Give the reconciles under way a moment: half a sequence of writes is correct, a whole one is nicer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_SECONDS):
                for desk in self._desks.values():
                    await desk.queue.idle.wait()

    async def _terms(self) -> None:
        """Fill the cache, then at the beginning of each term of leading bring it up to date and look at every key.

        Whoever does not lead looks at Gateways alone, which its desk is for, to serve what the leader numbered.
        """
        self._term.set()
        fresh_until = 0.0
        while True:
            await self._term.wait()
            self._term.clear()
            if self._fill:
                self._fill = False
                for desk in self._desks.values():
                    await self._insist("the cache is not filled yet", desk.resync.prime)
                self.health.ready = self._filled = True
                fresh_until = boottime() + _FRESH_SECONDS
            else:
                if boottime() > fresh_until:
                    for desk in self._desks.values():
                        await self._insist("the cache is not up to date yet", desk.resync.compare)
                fresh_until = 0.0
            if self.leader.leading and not self._fill:
                self._doors.begin()
                self._deciding = True
            self._look_at_all()

    async def _insist(self, words: str, action: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Do something until it works."""
        failures = 0
        for pause in Backoff(first=0.5, most=10.0):
            try:
                await action()
            except PacelineError as error:
                failures += 1
                log.warning("%s: %s", words, error)
                await asyncio.sleep(pause)
            else:
                return

    async def _watch_age(self) -> None:
        while True:
            metrics.watch_age_seconds.set(self.health.age("stream"))
            await asyncio.sleep(_WATCH_AGE_SECONDS)

    def _gained(self) -> None:
        self._visits.start()
        self._term.set()

    def _lost(self) -> None:
        self._deciding = False
        for desk in self._desks.values():
            desk.queue.clear()
        self._visits.stop()
        metrics.condition.clear()
        self._look_at_all()

    def _rewound(self) -> None:
        """Nothing that is known holds any more: neither the cache nor where the watches had got to."""
        self._filled = False
        log.warning("everything is read anew")
        for desk in self._desks.values():
            desk.cache.clear()
        self._watcher.restart()
        self._fill = True
        self._term.set()

    def _configured(self, settings: OperatorSettings) -> None:
        """A changed configuration: rates and levels at once, and every object is looked at (profiles, images)."""
        self._ceiling.set(settings.api.qps, settings.api.burst)
        logging.getLogger().setLevel(settings.log.level)
        self._look_at_all()

    def _hinted(self, hints: Iterable[Hint]) -> None:
        for hint in hints:
            key = self._desks[hint.family].hinted(hint)
            if key is not None:
                self._doors.heard(hint.family, key)

    def _look_at_all(self) -> None:
        for desk in self._desks.values():
            desk.look_at_all()

    def _resync_seconds(self) -> float:
        return float(self._configuration.current.resync_seconds)
