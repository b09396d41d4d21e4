"""Makes the Secrets with keys that are generated. Making them takes one right: to create."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable

from paceline.errors import Conflict
from paceline.kube.client import METADATA, Api
from paceline.kube.resources import SECRETS, JsonObject, Key, key_of


class Keys:
    """Sees to it that each owner that needs a key has one.

    What may not be read cannot be watched. So a Secret is created once in the life of this process for each owner, and
    whenever somebody misses it; one that is there refuses that by its name, and stays as it is.

    Args:
        api: The API server.
        prefix: Of every key. It never begins with "-", which a command line would take for an option, and scanners of
            secrets can know it.
        contents: The Secret's texts for a key.
    """

    def __init__(self, api: Api, prefix: str, contents: Callable[[str], dict[str, str]]) -> None:
        self._api = api
        self._prefix = prefix
        self._contents = contents
        self._made: dict[Key, str] = {}

    async def ensure(self, owner: Key, uid: str, shell: JsonObject, *, missed: bool) -> None:
        """Create the Secret unless it is known to be there.

        Args:
            owner: Who needs the key.
            uid: The owner's; one of the same name that came later has a key of its own.
            shell: The Secret without its content.
            missed: It is not there: somebody may have deleted it.

        Raises:
            PacelineError: it cannot be created.
        """
        if self._made.get(owner) == uid and not missed:
            return
        body = {**shell, "stringData": self._contents(self._prefix + secrets.token_urlsafe(32))}
        path = SECRETS.path(key_of(shell).namespace)
        with contextlib.suppress(Conflict):  # it is there
            await self._api.send("POST", SECRETS, path, body, accept=METADATA)
        self._made[owner] = uid

    def forget(self, owner: Key) -> None:
        """The owner is gone."""
        self._made.pop(owner, None)
