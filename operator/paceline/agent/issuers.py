"""The keys of who signs tokens: asked for by the issuers' discovery documents, kept, and given to Envoy."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import NoReturn

import aiohttp

from paceline.agent import metrics
from paceline.agent.errors import Unreachable
from paceline.agent.files import OWN, put, take
from paceline.agent.held import Held
from paceline.gateway.ir import Issuer
from paceline.gateway.jwks import keys_address, public_keys
from paceline.kube.backoff import Backoff
from paceline.settings import boottime

log = logging.getLogger(__name__)

_DISCOVERY = "/.well-known/openid-configuration"
#: Keys are asked for again after this time, as Envoy asks for them here.
_FRESH_SECONDS = 300.0
_LOOK_SECONDS = 0.5
_MOST_BYTES = 1 << 20
_TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=5)
_BACKOFF = Backoff(first=1.0, most=60.0)


class Issuers:
    """The keys. What was had once is served for as long as nothing newer comes, also after a start.

    Args:
        session: For all servers; never closed here.
        held: Has the issuers.
        folder: Of Envoy's files; keys are kept below it.
        context: Whose certificates are taken; None: those that the machine trusts.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        held: Held,
        folder: Path,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._session = session
        self._held = held
        self._folder = folder / OWN
        self._context = context or ssl.create_default_context()
        self._due: dict[Issuer, float] = {}
        self._failures: dict[Issuer, int] = {}
        self._words: dict[Issuer, str] = {}

    def keys(self, name: str) -> str | None:
        """The key set of an issuer by its id; None for one whose keys could not be had yet, and for a strange one."""
        found = next((each for each in self._wanted() if each.id == name), None)
        if found is None:
            return None
        return found.keys or take(self._file(found))

    @property
    def lacking(self) -> dict[str, str]:
        """Why there are no keys, by the addresses of issuers that could not be asked since the beginning."""
        return {each.address: words for each, words in self._words.items() if take(self._file(each)) is None}

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Ask those whose turn it is, all at a time."""
        wanted = [each for each in self._wanted() if not each.keys]
        self._due = {each: self._due.get(each, 0.0) for each in wanted}
        self._words = {each: self._words[each] for each in wanted if each in self._words}
        at = boottime()
        await asyncio.gather(*(self._turn(each) for each in wanted if self._due[each] <= at))

    async def _turn(self, issuer: Issuer) -> None:
        try:
            keys = await self._fetch(issuer)
            if keys != take(self._file(issuer)):
                put(self._file(issuer), keys)
                log.info("issuer %s has new keys", issuer.address)
            self._failures.pop(issuer, None)
            self._words.pop(issuer, None)
            self._due[issuer] = boottime() + _FRESH_SECONDS
        except (Unreachable, OSError) as error:
            words = error.message if isinstance(error, Unreachable) else f"its keys cannot be kept: {error.strerror}"
            self._failures[issuer] = self._failures.get(issuer, 0) + 1
            self._due[issuer] = boottime() + _BACKOFF.delay(self._failures[issuer])
            metrics.failures_total.labels("Issuer").inc()
            if words != self._words.get(issuer):
                log.warning("issuer %s: %s. Keys that are here go on serving.", issuer.address, words)
            self._words[issuer] = words

    async def _fetch(self, issuer: Issuer) -> str:
        where = issuer.address.rstrip("/") + _DISCOVERY
        try:
            where = keys_address(await self._get(where), issuer.address, issuer.hosts)
            return public_keys(await self._get(where))
        except ValueError as error:
            _refuse(where, str(error))

    async def _get(self, url: str) -> bytes:
        """A document. A redirection would lead to a host that nobody has allowed."""
        try:
            async with self._session.get(url, ssl=self._context, allow_redirects=False, timeout=_TIMEOUT) as response:
                if response.status != 200:
                    _refuse(url, f"answers with status {response.status}")
                body = await response.content.read(_MOST_BYTES + 1)
                while len(body) <= _MOST_BYTES and (more := await response.content.read(_MOST_BYTES + 1)):
                    body += more
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _refuse(url, f"does not answer ({type(error).__name__})")
        if len(body) > _MOST_BYTES:
            _refuse(url, f"answers with more than {_MOST_BYTES} bytes")
        return body

    def _wanted(self) -> tuple[Issuer, ...]:
        held = self._held.program
        return held.program.issuers if held else ()

    def _file(self, issuer: Issuer) -> Path:
        return self._folder / f"keys-{issuer.id}.json"


def _refuse(url: str, words: str) -> NoReturn:
    raise Unreachable("Unreachable", f"{url[:300]} {words}")
