"""Comparing the cache with the API server, because watches can lose things (K6) and some kinds are not watched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from paceline import metrics
from paceline.errors import PacelineError, Stalled, Transient, Waiting
from paceline.kube.backoff import spread
from paceline.kube.cache import Cache, Child, Owner, newer
from paceline.kube.client import METADATA_LIST, Api
from paceline.kube.family import Family
from paceline.kube.resources import JsonObject, Key, Resource, key_of
from paceline.settings import boottime

log = logging.getLogger(__name__)

_ATTEMPTS = 3
_GRACE_SECONDS = 2.0


@dataclass
class Resync:
    """Reads what there is and corrects the cache.

    Attributes:
        scopes: Namespaces, or one None for the whole cluster.
        changed: Called with the key of each owner whose picture changed.
    """

    api: Api
    cache: Cache
    scopes: tuple[str | None, ...]
    changed: Callable[[Key], None]
    primed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def _family(self) -> Family:
        return self.cache.family

    async def run(self, seconds: Callable[[], float]) -> None:
        """Compare every `seconds()` ± 20 % until cancelled. A failed comparison is repeated at the next turn."""
        await self.primed.wait()
        while True:
            await asyncio.sleep(spread(seconds(), 0.2))
            begun = boottime()
            try:
                await self.compare()
            except PacelineError as error:
                metrics.resync_failures_total.inc()
                log.warning("resync: %s", error)
            else:
                metrics.resync_seconds.observe(boottime() - begun)

    async def prime(self) -> None:
        """Fill the cache with whole objects, page by page, keeping the bodies of what we apply.

        Needed before the first decision: a Deployment that is merely not known yet must not look deleted.
        """
        await self._everywhere(self._prime_one)
        self.primed.set()

    async def _everywhere(self, one: Callable[[Resource, str | None], Awaitable[int]]) -> int:
        """Do it for each kind in each scope. A scope that may not be read (403) does not keep the others waiting.

        Raises:
            PacelineError: any other failure, at once.
        """
        found, refused = 0, set()
        for resource in (self._family.itself, *self._family.children):
            for scope in self.scopes:
                try:
                    found += await one(resource, scope)
                except (Stalled, Waiting) as error:
                    if scope not in refused:
                        log.warning("%s cannot be read: %s", f"namespace {scope}" if scope else "the cluster", error)
                        metrics.resync_failures_total.inc()
                    refused.add(scope)
            metrics.objects.labels(resource.kind, self._family.itself.kind).set(len(self.cache.versions(resource)))
        return found

    async def _prime_one(self, resource: Resource, scope: str | None) -> int:
        listed: set[Key] = set()
        version = ""
        # A list that expires half-way (410, K5) is begun again; what was taken of it was true when it was read.
        for attempt in range(_ATTEMPTS):
            listed.clear()
            version = ""
            try:
                async for page in self.api.pages(resource, scope, selector=self._family.selector(resource)):
                    version = version or page["metadata"]["resourceVersion"]
                    self._take_page(resource, page, listed)
                break
            except Transient as error:
                if error.reason != "Expired" or attempt == _ATTEMPTS - 1:
                    raise
        for key, (_, seen) in self.cache.versions(resource).items():
            # What the watch showed after the list was read is newer than it.
            if _within(key, scope) and key not in listed and not newer(seen, version):
                self._forget(resource, key)
        return len(listed)

    def _take_page(self, resource: Resource, page: JsonObject, listed: set[Key]) -> None:
        for obj in page.get("items") or ():
            key = key_of(obj)
            listed.add(key)
            self._take(resource, obj)
            if resource in self._family.applied:
                self.cache.keep_body(resource, key, obj)

    async def compare(self) -> int:
        """One comparison of everything; number of corrections."""
        return await self._everywhere(self._compare_one)

    async def _compare_one(self, resource: Resource, scope: str | None) -> int:
        selector = self._family.selector(resource)
        version, items = await self.api.items(resource, scope, selector=selector, accept=METADATA_LIST)
        if self._family.watches(resource) and any(self._outdated(resource, obj, version) for obj in items):
            await asyncio.sleep(_GRACE_SECONDS)  # the watch may only be a moment behind the list
        found = 0
        for obj in items:
            how = self._outdated(resource, obj, version)
            if how:
                found += await self._correct(resource, key_of(obj), obj, how)
        listed = {key_of(obj) for obj in items}
        for key, (uid, seen) in self.cache.versions(resource).items():
            # What is newer than the list may have been made after it.
            if _within(key, scope) and key not in listed and not newer(seen, version):
                metrics.resync_corrections_total.labels(resource.plural, "vanished").inc()
                self._forget(resource, key, uid)
                found += 1
        return found

    def _outdated(self, resource: Resource, listed: JsonObject, version: str) -> str:
        """What is wrong with the cache about an object of a list of that version: missing, differing, or empty."""
        known = self.cache.version(resource, key_of(listed))
        if known is None or (self._family.reads(resource) and not self.cache.whole(resource, key_of(listed))):
            return "missing"
        shown = listed["metadata"]["resourceVersion"]
        # A list that is no older than what is known, and shows an older state: history was rewritten by a backup.
        return "differing" if newer(shown, known) or (shown != known and not newer(known, version)) else ""

    async def _correct(self, resource: Resource, key: Key, listed: JsonObject, how: str) -> int:
        """Take one object anew: whole where decisions read it, else from the listed metadata."""
        live: JsonObject | None = listed
        known = self.cache.version(resource, key) or ""
        if self._family.reads(resource):
            live = await self.api.get(resource, key.namespace, key.name)
        if live is None:
            return 0
        if how == "differing" and not newer(listed["metadata"]["resourceVersion"], known):
            self._forget(resource, key)  # what is newer there never was
        self._take(resource, live, whole=self._family.reads(resource))
        metrics.resync_corrections_total.labels(resource.plural, how).inc()
        return 1

    def _take(self, resource: Resource, obj: JsonObject, *, whole: bool = True) -> None:
        key = key_of(obj)
        if resource is self._family.itself:
            if self.cache.put_owner(key, Owner.parse(obj)):
                self.changed(key)
            return
        child = Child.parse(self._family, resource, obj, whole=whole)
        if child is not None and self.cache.put(resource, key, child):
            self.changed(child.owner)

    def _forget(self, resource: Resource, key: Key, uid: str | None = None) -> None:
        if resource is self._family.itself:
            if self.cache.drop_owner(key, uid):
                self.changed(key)
            return
        child = self.cache.drop(resource, key, uid)
        if child is not None:
            self.changed(child.owner)


def _within(key: Key, scope: str | None) -> bool:
    return scope is None or key.namespace == scope
