"""What an adapter answers: requests that Envoy brings on loopback; probes and metrics on the pod's address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from paceline.adapter import metrics
from paceline.adapter.asking import Refused
from paceline.adapter.checking import Checking, Request
from paceline.adapter.checks import Checks
from paceline.adapter.refusals import BUSY, UNKNOWN, Refusal
from paceline.adapter.room import Full, Place, Room
from paceline.gateway.envoy.documents import CHECK


class Serving:
    """The answers.

    Args:
        checks: What answers must be like.
        checking: Gets them.
        room: For requests and answers.
    """

    def __init__(self, checks: Checks, checking: Checking, room: Room) -> None:
        self._checks = checks
        self._checking = checking
        self._room = room

    @asynccontextmanager
    async def open(self, host: str, port: int, local_port: int) -> AsyncIterator[tuple[int, int]]:
        """Serve; both ports are given, because 0 takes a free one.

        Raises:
            OSError: a port cannot be had.
        """
        public, local = web.Application(), web.Application()
        public.add_routes([web.get("/healthz", _alive), web.get("/metrics", _metrics)])
        local.add_routes([web.post("/v1/{path:.+}", self._answer)])
        runners = [
            web.AppRunner(public, access_log=None, shutdown_timeout=0.5),
            # A client that leaves ends its request here too, and with it the one to the model.
            web.AppRunner(local, access_log=None, shutdown_timeout=5, handler_cancellation=True),
        ]
        try:
            for runner in runners:
                await runner.setup()
            await web.TCPSite(runners[0], host, port).start()
            await web.TCPSite(runners[1], "127.0.0.1", local_port).start()
            yield runners[0].addresses[0][1], runners[1].addresses[0][1]
        finally:
            for runner in runners:
                await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        check = self._checks.find(request.headers.get(CHECK, ""))
        if check is None:
            return _refused(UNKNOWN)
        try:
            with self._room.place() as place, metrics.active.track_inprogress():
                wanted = Request(request.path_qs, request.headers, await _body(request, place))
                found = await self._checking.answer(wanted, check, place)
                return web.Response(status=found.status, headers=found.headers, body=found.body)
        except Full:
            return _refused(BUSY)
        except Refused as error:
            return _refused(error.refusal)


async def _body(request: web.Request, place: Place) -> bytes:
    """The whole body, which Envoy has bounded."""
    chunks = []
    async for chunk in request.content.iter_any():
        place.take(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)


def _refused(refusal: Refusal) -> web.Response:
    metrics.refused_total.labels(refusal.code).inc()
    return web.json_response(refusal.body, status=refusal.status, headers=refusal.headers)


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="alive\n")


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(metrics.REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})
