"""Makes the Secrets with the keys of engines. They are never read: the one right that this takes is to create."""

from __future__ import annotations

import contextlib
import secrets

from paceline.engines.key import contents
from paceline.errors import Conflict
from paceline.kube.client import METADATA, Api
from paceline.kube.resources import SECRETS, JsonObject, Key, key_of

#: It never begins with "-", which a command line would take for an option, and scanners of secrets can know it.
_PREFIX = "pl-"


class EngineKeys:
    """Sees to it that each engine that asks for a key has one.

    What may not be read cannot be watched. So a Secret is created once in the life of this process for each owner, and
    whenever a pod waits for its volumes; one that is there refuses that by its name, and stays as it is.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._made: dict[Key, str] = {}

    async def ensure(self, owner: Key, uid: str, shell: JsonObject, *, missed: bool) -> None:
        """Create the Secret unless it is known to be there.

        Args:
            owner: Of the engine.
            uid: The owner's; one of the same name that came later has a key of its own.
            shell: The Secret without its content.
            missed: A pod waits for its volumes: somebody may have deleted the Secret.

        Raises:
            PacelineError: it cannot be created.
        """
        if self._made.get(owner) == uid and not missed:
            return
        body = {**shell, "stringData": contents(_PREFIX + secrets.token_urlsafe(32))}
        path = SECRETS.path(key_of(shell).namespace)
        with contextlib.suppress(Conflict):  # it is there
            await self._api.send("POST", SECRETS, path, body, accept=METADATA)
        self._made[owner] = uid

    def forget(self, owner: Key) -> None:
        """The owner is gone."""
        self._made.pop(owner, None)
