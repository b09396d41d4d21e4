"""Where agents get what their gateways are to do, and say what became of it.

Any replica of the operator serves; reports are for the leader alone. Whoever cannot help says so and ends the
connection, so that the next request of the agent comes to a replica that the Service chooses anew.
"""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import field
from typing import Annotated

from aiohttp import web
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from paceline.api.names import GATEWAY_ROLE, child_name
from paceline.decide.gateway_health import Report
from paceline.errors import PacelineError
from paceline.gateway.stamp import Stamp
from paceline.kube.resources import Key
from paceline.snapshots.board import Board, Posting

log = logging.getLogger(__name__)

#: Tells whose a token is; "" for nobody's.
Whose = Callable[[str], Awaitable[str]]

_LONGEST_WAIT_SECONDS = 60.0
#: A replica that does not lead and knows nothing of a gateway hears of it within this, or another one serves it.
_STRANGER_SECONDS = 2.0
_MOST_REPORT_BYTES = 64 * 1024
_Words = Annotated[str, Field(max_length=4096)]


@dataclass(frozen=True)
class _Said:
    """The body of a report."""

    pod: Annotated[str, Field(min_length=1, max_length=253)]
    generation: Annotated[int, Field(ge=0, le=2**53)]
    rejected: _Words = ""
    credentials: tuple[_Words, ...] = ()
    issuers: dict[_Words, _Words] = field(default_factory=dict)


_SAID = TypeAdapter(_Said)


class Snapshots:
    """The server.

    Args:
        board: What is up.
        whose: Whose a token is.
        leads: Whether this process decides.
    """

    def __init__(self, board: Board, whose: Whose, leads: Callable[[], bool]) -> None:
        self._board = board
        self._whose = whose
        self._leads = leads

    def app(self) -> web.Application:
        """Its routes."""
        made = web.Application(client_max_size=_MOST_REPORT_BYTES)
        made.router.add_get("/v1/programs/{namespace}/{name}", self._program)
        made.router.add_get("/v1/addresses/{namespace}/{name}", self._addresses)
        made.router.add_post("/v1/reports/{namespace}/{name}", self._report)
        return made

    @asynccontextmanager
    async def serving(self, host: str, port: int, tls: ssl.SSLContext | None) -> AsyncIterator[int]:
        """Serve; the port is given, because 0 takes a free one.

        Raises:
            OSError: the port cannot be opened.
        """
        runner = web.AppRunner(self.app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port, ssl_context=tls)
            await site.start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def _program(self, request: web.Request) -> web.Response:
        key = await self._admitted(request)
        generation, digest = _number(request, "generation"), request.query.get("digest", "")

        def fresh(posting: Posting) -> bool:
            """An agent refuses what is older than it has, so it would only ask for that again and again."""
            stamp = posting.stamp
            return stamp is not None and stamp.generation >= generation and stamp != Stamp(generation, digest)

        posting = await self._change(request, key, fresh)
        if posting is None or posting.stamp is None:
            return web.Response(status=204)
        head = b'{"generation":%d,"digest":"%s","program":' % (posting.stamp.generation, posting.stamp.digest.encode())
        return web.Response(body=head + posting.program + b"}", content_type="application/json")

    async def _addresses(self, request: web.Request) -> web.Response:
        key = await self._admitted(request)
        version = request.query.get("version", "")
        posting = await self._change(request, key, lambda one: one.shown_version != version)
        if posting is None:
            return web.Response(status=204)
        return web.Response(text=json.dumps(_moved(posting, version)), content_type="application/json")

    async def _report(self, request: web.Request) -> web.Response:
        key = await self._admitted(request)
        try:
            said = _SAID.validate_json(await request.read())
        except ValidationError as wrong:
            where = ", ".join(".".join(map(str, item["loc"])) or "body" for item in wrong.errors())
            raise web.HTTPBadRequest(text=f"wrong: {where}") from None
        if not self._leads():
            raise _elsewhere(web.HTTPMisdirectedRequest(text="another replica leads"))
        self._board.take(key, said.pod, Report(said.generation, said.rejected, said.credentials, said.issuers))
        return web.Response(status=204)

    async def _change(self, request: web.Request, key: Key, fresh: Callable[[Posting], bool]) -> Posting | None:
        """Wait for news as long as the agent wants to; None where there is none.

        Raises:
            HTTPServiceUnavailable: another replica may know more.
        """
        seconds = _wait(request)
        known = self._board.of(key)
        if not self._leads() and (known is None or known.stamp is None):
            seconds = min(seconds, _STRANGER_SECONDS)
        posting = await self._board.change(key, seconds, fresh)
        known = posting or self._board.of(key)
        if not self._leads() and (known is None or known.stamp is None or known.behind):
            raise _elsewhere(web.HTTPServiceUnavailable(text="another replica may know what holds"))
        return posting if posting and fresh(posting) else None

    async def _admitted(self, request: web.Request) -> Key:
        """The gateway that is asked for, by the ServiceAccount of that very gateway."""
        key = Key(request.match_info["namespace"], request.match_info["name"])
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise web.HTTPUnauthorized(text="a bearer token is needed")
        try:
            user = await self._whose(token)
        except PacelineError as error:
            log.warning("an agent of %s has to wait: %s", key, error)
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "2"}) from error
        if not user:
            raise web.HTTPUnauthorized(text="the token is nobody's")
        if user != f"system:serviceaccount:{key.namespace}:{child_name(key.namespace, key.name, GATEWAY_ROLE)}":
            raise web.HTTPForbidden(text="the token is not this gateway's")
        return key


def _elsewhere(answer: web.HTTPException) -> web.HTTPException:
    """Another replica may help: the connection ends, because one that is kept would lead here again."""
    answer.force_close()
    return answer


def _moved(posting: Posting, version: str) -> dict[str, object]:
    """What changed since a version of ours; everything for who has another one's."""
    changed = posting.since(version)
    if changed is None:
        return {"version": posting.shown_version, "files": posting.addresses}
    files = {place: posting.addresses[place] for place in changed if place in posting.addresses}
    gone = [place for place in changed if place not in posting.addresses]
    return {"version": posting.shown_version, "since": version, "files": files, "gone": gone}


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not (text.isdecimal() and text.isascii() and len(text) < 17):
        raise web.HTTPBadRequest(text=f"{name} must be a number, and not {text[:40]!r}")
    return int(text)


def _wait(request: web.Request) -> float:
    return min(float(_number(request, "wait")), _LONGEST_WAIT_SECONDS)
