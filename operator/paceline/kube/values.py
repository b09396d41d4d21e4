"""What Secrets and ConfigMaps hold that others' specs name: read when asked for, and again after a while."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from paceline.errors import Stalled, Waiting
from paceline.kube.client import Api
from paceline.kube.resources import SECRETS, JsonObject, Key, Resource
from paceline.settings import boottime

#: Nobody tells of a change: what is named by specs of others is not watched. The promise is a minute.
KEPT_SECONDS = 30.0
_AT_ONCE = 8


@dataclass
class Values:
    """Reads objects of one resource.

    Attributes:
        resource: SECRETS or CONFIGMAPS.
    """

    api: Api
    resource: Resource
    clock: Callable[[], float] = boottime
    _known: dict[Key, tuple[float, dict[str, str]]] = field(default_factory=dict, repr=False)
    _owners: dict[Key, str] = field(default_factory=dict)

    async def read(self, places: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], str]:
        """Texts by namespace, name and key; what is not there, or may not be read, is left out.

        Raises:
            PacelineError: the API server cannot be asked.
        """
        wanted = sorted(set(places))
        at = self.clock()
        stale = {Key(namespace, name) for namespace, name, _ in wanted}
        stale = {key for key in stale if self._known.get(key, (0.0, {}))[0] <= at}
        limit = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._look(key, limit) for key in sorted(stale)))
        found = {}
        for namespace, name, key in wanted:
            data = self._known[Key(namespace, name)][1]
            if key in data:
                found[namespace, name, key] = data[key]
        return found

    def owner(self, key: Key) -> str | None:
        """The uid of who controls an object that was read: "" for nobody, None for an object that is not there."""
        return self._owners.get(key)

    def forget(self, key: Key) -> None:
        """Read it anew when it is asked for again; who reads it at this moment has what was there."""
        if key in self._known:
            self._known[key] = (0.0, self._known[key][1])

    def expire(self, places: Iterable[tuple[str, str, str]]) -> None:
        """Read these anew when they are asked for again."""
        for namespace, name, _ in places:
            self.forget(Key(namespace, name))

    async def _look(self, key: Key, limit: asyncio.Semaphore) -> None:
        async with limit:
            try:
                live = await self.api.get(self.resource, key.namespace, key.name)
            except (Stalled, Waiting):  # it may not be read, which is for its user as if it were not there
                live = None
        self._known[key] = (self.clock() + KEPT_SECONDS, _texts(self.resource, live or {}))
        self._owners.pop(key, None)
        if live is not None:
            self._owners[key] = _controller(live)


def _controller(obj: JsonObject) -> str:
    references = obj["metadata"].get("ownerReferences") or ()
    return next((str(one["uid"]) for one in references if one.get("controller")), "")


def _texts(resource: Resource, obj: JsonObject) -> dict[str, str]:
    data = obj.get("data") or {}
    if resource is not SECRETS:
        return {str(name): str(value) for name, value in data.items()}
    found = {}
    for name, value in data.items():
        # What is no text in a header's alphabet is no key.
        try:
            found[str(name)] = base64.b64decode(value, validate=True).decode("ascii").strip("\r\n")
        except (binascii.Error, UnicodeDecodeError, TypeError):
            found[str(name)] = ""
    return found
