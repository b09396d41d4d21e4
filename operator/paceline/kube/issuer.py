"""The cluster as an issuer of tokens: pods call with the tokens of their ServiceAccounts."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from paceline.errors import PacelineError
from paceline.gateway.jwks import public_keys
from paceline.kube.client import Api
from paceline.kube.resources import Resource
from paceline.settings import boottime

log = logging.getLogger(__name__)

_DISCOVERY = "/.well-known/openid-configuration"
_KEYS = "/openid/v1/jwks"
#: These are paths of the API server without objects; the name is for its metrics.
_OPENID = Resource("", "v1", "openid", "OpenID")
_FRESH_SECONDS = 60.0


@dataclass
class OwnIssuer:
    """Reads whose tokens the API server takes, and by which keys. Every ServiceAccount may by default."""

    api: Api
    clock: Callable[[], float] = boottime
    _known: Mapping[str, str] = field(default_factory=dict)
    _until: float = float("-inf")

    async def keys(self) -> Mapping[str, str]:
        """The key set by the issuer's address; empty while it was never to be had, and what was had last after that."""
        at = self.clock()
        if at >= self._until:
            self._until = at + _FRESH_SECONDS
            try:
                document = await self.api.read(_OPENID, _DISCOVERY, {}) or {}
                found = await self.api.read(_OPENID, _KEYS, {}, accept="application/jwk-set+json") or {}
                self._known = {str(document["issuer"]): public_keys(json.dumps(found))}
            except (PacelineError, KeyError, ValueError) as error:
                log.warning("the keys of this cluster's own tokens are not read: %s", error)
        return self._known
