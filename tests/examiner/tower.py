"""A second pair of eyes: watches all namespaces on connections of its own, which no fault touches."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx

from paceline.kube.family import FAMILIES, MODELS
from paceline.kube.resources import CONFIGMAPS, PODS, SECRETS, Resource
from tests.examiner.record import KINDS, Event, Json, Place
from tests.support.waiting import wait_until

REPLICASETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
WATCHED = (*(family.itself for family in FAMILIES), *MODELS.applied, CONFIGMAPS, SECRETS, REPLICASETS, PODS)
#: How long one watch lasts, and so the longest time that the end takes.
_SECONDS = 5


class Tower:
    """What happens in each namespace; make it with `watching`."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._events: dict[str, list[Event]] = defaultdict(list)
        self._state: dict[str, dict[Place, Json]] = defaultdict(dict)
        self._forgotten: set[str] = set()
        self._owners: dict[str, str] = {}
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._broken: list[str] = []

    def events(self, namespace: str) -> list[Event]:
        """All events of a namespace so far, in the order in which they were read."""
        with self._lock:
            return list(self._events[namespace])

    def state(self, namespace: str) -> dict[Place, Json]:
        """What is there now."""
        with self._lock:
            return dict(self._state[namespace])

    def elsewhere(self, namespace: str) -> set[str]:
        """The uids of all objects of our kinds that other namespaces ever had."""
        with self._lock:
            return {uid for uid, home in self._owners.items() if home != namespace}

    def forget(self, namespace: str) -> None:
        """Keep nothing of a namespace any more."""
        with self._lock:
            self._forgotten.add(namespace)
            self._events.pop(namespace, None)
            self._state.pop(namespace, None)

    def start(self) -> None:
        """List everything, then watch it."""
        for resource in WATCHED:
            listed = wait_until(partial(self._list, resource), 30, f"{resource.plural} are served")
            for item in listed["items"]:
                self._take(Event.of("ADDED", resource.plural, {"kind": resource.kind, **item}))
            version = listed["metadata"]["resourceVersion"]
            thread = threading.Thread(
                target=self._guard, args=(resource, version), name=f"tower {resource.plural}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _list(self, resource: Resource) -> Json | None:
        """All objects of a kind; None while the kind of a new CRD is not served yet."""
        answer = self._client.get(resource.path(None))
        return answer.json() if answer.status_code == 200 else None

    def stop(self) -> None:
        """End.

        Raises:
            AssertionError: a watch had broken: what it should have seen is not known.
        """
        self._ended.set()
        for thread in self._threads:
            thread.join()
        assert not self._broken, self._broken

    def _guard(self, resource: Resource, version: str) -> None:
        try:
            while not self._ended.is_set():
                version = self._watch(resource, version)
        except (httpx.HTTPError, AssertionError, ValueError, KeyError) as error:
            self._broken.append(f"{resource.plural}: {type(error).__name__} {error}")

    def _watch(self, resource: Resource, version: str) -> str:
        """One watch; the version from which the next one goes on."""
        asked = {"watch": "1", "resourceVersion": version, "timeoutSeconds": _SECONDS, "allowWatchBookmarks": "true"}
        with self._client.stream("GET", resource.path(None), params=asked, timeout=30) as answer:
            for line in answer.iter_lines():
                frame: dict[str, Any] = json.loads(line)
                assert frame["type"] in {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"}, frame
                version = frame["object"]["metadata"]["resourceVersion"]
                if frame["type"] != "BOOKMARK":
                    self._take(Event.of(frame["type"], resource.plural, frame["object"], time.monotonic()))
        return version

    def _take(self, event: Event) -> None:
        namespace = event.object["metadata"]["namespace"]
        with self._lock:
            if event.resource in KINDS:
                self._owners[event.uid] = namespace
            if namespace in self._forgotten:
                return
            self._events[namespace].append(event)
            if event.type == "DELETED":
                self._state[namespace].pop(event.place, None)
            else:
                self._state[namespace][event.place] = event.object


@contextmanager
def watching(client: httpx.Client) -> Iterator[Tower]:
    """A tower while the block runs."""
    tower = Tower(client)
    tower.start()
    try:
        yield tower
    finally:
        tower.stop()
