"""Whose a token is: asked of the API server, and remembered for a minute."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from paceline.errors import PacelineError
from paceline.kube.client import Api
from paceline.kube.resources import TOKENREVIEWS
from paceline.settings import boottime

_KEPT_SECONDS = 60.0
_MOST = 10_000
_POD = "authentication.kubernetes.io/pod-name"


@dataclass(frozen=True, slots=True)
class User:
    """Whose a token is.

    Attributes:
        name: Such as system:serviceaccount:ml:web.
        pod: That it was made for; "" for a token that no pod has.
    """

    name: str
    pod: str = ""


@dataclass
class Reviews:
    """Reviews of tokens for one audience.

    Attributes:
        api: Not fenced: who does not lead serves too.
    """

    api: Api
    audience: str
    clock: Callable[[], float] = boottime
    _known: dict[str, tuple[float, User | None]] = field(default_factory=dict)

    async def user(self, token: str) -> str:
        """The name of the user whose token it is; "" for nobody's.

        Raises:
            PacelineError: the API server cannot be asked.
        """
        found = await self.review(token)
        return found.name if found else ""

    async def review(self, token: str) -> User | None:
        """The user whose token it is; None for nobody's.

        Raises:
            PacelineError: the API server cannot be asked.
        """
        # Tokens themselves are not kept in memory for longer than a request.
        mark = hashlib.sha256(token.encode()).hexdigest()
        at = self.clock()
        until, found = self._known.get(mark, (0.0, None))
        if at < until:
            return found
        found = await self._ask(token)
        if len(self._known) >= _MOST:
            self._known = {mark: one for mark, one in self._known.items() if at < one[0]}
        if len(self._known) < _MOST:
            self._known[mark] = (at + _KEPT_SECONDS, found)
        return found

    async def _ask(self, token: str) -> User | None:
        body = {
            "apiVersion": TOKENREVIEWS.api_version,
            "kind": TOKENREVIEWS.kind,
            "spec": {"token": token, "audiences": [self.audience]},
        }
        try:
            answer = await self.api.send("POST", TOKENREVIEWS, TOKENREVIEWS.path(None), body)
        except PacelineError as error:  # its words can have what was sent
            raise type(error)(error.reason, "The API server cannot be asked whose a token is.") from None
        status = answer.get("status") or {}
        if status.get("authenticated") is not True or self.audience not in (status.get("audiences") or ()):
            return None
        user = status.get("user") or {}
        pods = (user.get("extra") or {}).get(_POD) or [""]
        return User(str(user["username"]), str(pods[0])) if user.get("username") else None
