"""The only module that imports kopf. It turns watch events into hints; every decision is made elsewhere.

kopf runs in a thread with an event loop of its own, for four reasons found in its source (1.45.2) and by trial: when
its operator ends, for whatever reason, it cancels every task of its loop; unhandled API errors end it (K1, K3, K5);
then it may wait for ever for its own streams (K17); and ten minutes after an end by error it kills its thread with
SIGKILL (K18). Here its end is an event: the loop is buried and kopf started again in a new one, after a pause, while
the queue, the Lease and the servers go on.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, cast

import aiohttp
import kopf

from paceline import metrics
from paceline.errors import PacelineError
from paceline.kube.backoff import Backoff
from paceline.kube.cache import Child, Owner
from paceline.kube.connection import Connection
from paceline.kube.family import FAMILIES, MANAGED, Family
from paceline.kube.hints import Hint
from paceline.kube.probes import WATCH_SILENCE_SECONDS, Health
from paceline.kube.resources import JsonObject, Resource, key_of
from paceline.settings import boottime

log = logging.getLogger(__name__)

_PART = "watch"
#: Peering is off, but kopf asks for the user's name unless it is given one, and a container's user id has none.
_IDENTITY: Any = "paceline"
_PAUSES = Backoff(first=0.5, most=30.0)
_KIND_MISSING_SECONDS = 5.0
_STOP_SECONDS = 1.5
_BURIALS = 10
_BURIAL_SECONDS = 0.1
#: A watcher that lived this long is not in a loop of failures: the next pause is a short one again.
_LONG_SECONDS = 60.0


_KINDS = {family.itself: family for family in FAMILIES}
_CHILDREN = sorted({resource for family in FAMILIES for resource in family.watched})


class _NoDiffs(kopf.DiffBaseStorage):
    """kopf remembers nothing of objects: no copies of specs in annotations (K8, K15), and no deep copy per event."""

    def build(self, **_: Any) -> Any:
        """No essence: handlers of events need none, and copying a pod costs more than all the rest of its event."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Nothing was stored."""

    def store(self, **_: Any) -> None:
        """Nothing is stored."""


def kopf_settings() -> kopf.OperatorSettings:
    """Settings of kopf with everything off that writes, posts, peers or gives up."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.posting.loggers = False
    settings.scanning.disabled = True  # namespaces and kinds come from our configuration; saves two cluster-wide rights
    settings.process.ultimate_exiting_timeout = None
    settings.persistence.finalizer = "paceline.dev/finalizer"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix="paceline.dev")
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = Backoff(first=0.5, most=30.0)  # without end (K2)
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.watching.inactivity_timeout = 70
    settings.watching.chunk_size = 250
    settings.queueing.idle_timeout = 1.0
    settings.queueing.exit_timeout = 0.5
    for resource in _CHILDREN:
        settings.watching.label_selectors[resource.group, resource.version, resource.plural] = MANAGED
    return settings


class Watcher:
    """Watches our kinds and hands hints to another event loop.

    Args:
        connection: Shared with our own client.
        scopes: Namespaces, or one None for the whole cluster.
        deliver: Called in the loop that called `start`, with all hints since its last call.
        health: Told that the watcher is at work.
    """

    def __init__(
        self,
        connection: Connection,
        scopes: tuple[str | None, ...],
        deliver: Callable[[Iterable[Hint]], None],
        health: Health,
    ) -> None:
        self._connection = connection
        self._scopes = scopes
        self._deliver = deliver
        self._health = health
        self._hints: deque[Hint] = deque()
        self._scheduled = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="kopf", daemon=True)
        self._home: asyncio.AbstractEventLoop | None = None
        self._kopf: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._sessions: list[aiohttp.ClientSession] = []
        self._registry = self._handlers()

    def start(self) -> None:
        """Begin to watch; hints go to the running loop."""
        self._home = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Stop watching; waits no longer than 1.5 s, because nothing is lost with a hint."""
        self._ended.set()
        self.restart()
        await asyncio.to_thread(self._thread.join, _STOP_SECONDS)

    def restart(self) -> None:
        """End the present life; the next one lists everything and watches from there."""
        running = self._kopf
        if running is not None:
            running[0].call_soon_threadsafe(running[1].set)

    def _supervise(self) -> None:
        """Run kopf again and again (K1, K2, K3, K5)."""
        failures = 0
        while not self._ended.is_set():
            begun = boottime()
            try:
                self._live()
            except Exception as error:  # noqa: BLE001 - whatever ends kopf, watching must begin again
                log.warning("the watcher ended and is started again: %s", error)
            failures = failures + 1 if boottime() - begun < _LONG_SECONDS else 1
            if not self._ended.wait(_PAUSES.delay(failures)):
                metrics.watch_restarts_total.inc()

    def _live(self) -> None:
        """One life of kopf in a loop of its own.

        Its `operator()` is not used, because it may never return: after the failure of one watcher it closes the HTTP
        session and then waits without limit for the others, which wait for a new session.
        """
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(_say_quietly)
        try:
            loop.run_until_complete(self._watch())
        finally:
            loop.run_until_complete(self._bury())
            loop.close()

    async def _watch(self) -> None:
        stop = asyncio.Event()
        self._kopf = asyncio.get_running_loop(), stop
        if self._ended.is_set():
            return
        await self._kinds_are_served(stop)
        if stop.is_set():
            return
        namespaces = [scope for scope in self._scopes if scope is not None]
        tasks = await kopf.spawn_tasks(
            registry=self._registry,
            settings=kopf_settings(),
            identity=_IDENTITY,
            clusterwide=not namespaces,
            namespaces=namespaces,
        )
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            task.result()  # raises what ended kopf

    async def _bury(self) -> None:
        """Cancel what kopf left behind, again and again: its streams swallow a first cancellation."""
        self._kopf = None
        for _ in range(_BURIALS):
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if not left:
                break
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_BURIAL_SECONDS)
        while self._sessions:
            await self._sessions.pop().close()

    async def _kinds_are_served(self, stop: asyncio.Event) -> None:
        """Wait until the CRD is there: kopf would leave out a kind that it does not find at its start."""
        url = f"/apis/{next(iter(_KINDS)).api_version}"
        while not stop.is_set():
            self._health.beat(_PART, WATCH_SILENCE_SECONDS)
            try:
                await self._connection.load()
                async with (
                    self._connection.session(connections=1) as session,
                    session.get(self._connection.server + url, timeout=aiohttp.ClientTimeout(total=10)) as answer,
                ):
                    kinds = await answer.json(content_type=None) if answer.status == 200 else {}
                if {kind.plural for kind in _KINDS} <= {kind.get("name") for kind in kinds.get("resources") or ()}:
                    return
                log.warning("%s answers %s: the CRDs are not installed yet (chart paceline-crds)", url, answer.status)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError, PacelineError) as error:
                log.warning("%s cannot be read: %s", url, error)
            try:
                async with asyncio.timeout(_KIND_MISSING_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue

    def _handlers(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry, backoff=2.0)
        async def login(**_: Any) -> kopf.AiohttpSession:
            await self._connection.load()
            session = self._connection.session(connections=0, middlewares=(self._listen,))
            self._sessions.append(session)
            return kopf.AiohttpSession(server=self._connection.server, aiohttp_session=session)

        for resource in (*_KINDS, *_CHILDREN):
            self._handle(registry, resource)
        return registry

    def _handle(self, registry: kopf.OperatorRegistry, resource: Resource) -> None:
        count = metrics.watch_events_total.labels(resource.plural)

        @kopf.on.event(resource.group, resource.version, resource.plural, registry=registry, id=resource.plural)
        async def seen(event: Any, **_: Any) -> None:
            count.inc()
            self._hint(resource, event)

    def _hint(self, resource: Resource, event: JsonObject) -> None:
        obj = event["object"]
        family, item = _read(resource, obj)
        if item is None:
            return
        self._hints.append(Hint(family, resource, key_of(obj), item, event["type"] == "DELETED"))
        if not self._scheduled.is_set() and self._home is not None and not self._home.is_closed():
            self._scheduled.set()
            self._home.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        """In the home loop: hand over what came in. One wake-up serves a whole burst."""
        self._scheduled.clear()  # before reading, so that a hint that comes now schedules the next call
        hints = []
        while self._hints:
            hints.append(self._hints.popleft())
        self._deliver(hints)

    async def _listen(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Any request means that kopf is at work; only what is answered means that streams are alive."""
        self._health.beat(_PART, WATCH_SILENCE_SECONDS)
        answer = await handler(request)
        self._heard()
        answer.content = cast("aiohttp.StreamReader", _Heard(answer.content, self._heard))
        return answer

    def _heard(self) -> None:
        self._health.beat(_PART, WATCH_SILENCE_SECONDS)
        self._health.beat("stream", float("inf"))


def _read(resource: Resource, obj: JsonObject) -> tuple[Family, Owner | Child | None]:
    """One of our own objects, or a child of one, and of which of our kinds that is; None for what is nobody's."""
    if resource in _KINDS:
        return _KINDS[resource], Owner.parse(obj)
    watching = [family for family in FAMILIES if resource in family.watched]
    parsed = ((family, Child.parse(family, resource, obj)) for family in watching)
    return next((each for each in parsed if each[1] is not None), (watching[0], None))


class _Heard:
    """The body of an answer that tells of each piece that is read. aiohttp's own tracing tells of whole bodies only."""

    def __init__(self, content: aiohttp.StreamReader, heard: Callable[[], None]) -> None:
        self._content = content
        self._tell = heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """The pieces in which kopf reads watches."""
        async for piece in self._content.iter_chunked(size):
            self._tell()
            yield piece


def _say_quietly(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What kopf's tasks stumble over while they are buried is of interest to nobody."""
    log.debug("kopf: %s", context.get("message"))
