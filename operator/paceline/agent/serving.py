"""What an agent answers: probes, metrics, the end of a drain; and on loopback models and keys for Envoy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from paceline.agent import metrics
from paceline.agent.draining import Drain
from paceline.agent.errors import ProxyGone
from paceline.agent.held import Held
from paceline.agent.issuers import Issuers
from paceline.agent.programming import Programmer
from paceline.agent.proxy import Proxy
from paceline.gateway.envoy.documents import CLIENT


class Serving:
    """The answers.

    Args:
        programmer: Knows what Envoy serves.
        held: What is held.
        drain: Of this pod.
        proxy: Envoy.
        issuers: Of tokens.
    """

    def __init__(self, programmer: Programmer, held: Held, drain: Drain, proxy: Proxy, issuers: Issuers) -> None:
        self._programmer = programmer
        self._held = held
        self._drain = drain
        self._proxy = proxy
        self._issuers = issuers

    @asynccontextmanager
    async def open(self, host: str, port: int, local_port: int) -> AsyncIterator[tuple[int, int]]:
        """Serve; both ports are given, because 0 takes a free one.

        Raises:
            OSError: a port cannot be had.
        """
        public, local = web.Application(), web.Application()
        public.add_routes(
            [
                web.get("/started", self._started),
                web.get("/readyz", self._ready),
                web.get("/healthz", self._alive),
                web.get("/drained", self._drained),
                web.get("/metrics", self._metrics),
            ]
        )
        local.add_routes(
            [
                web.get("/v1/models", self._models),
                web.get("/v1/models/{model:.+}", self._model),
                web.get("/jwks/{issuer}", self._jwks),
                web.post("/drain", self._begin),
            ]
        )
        runners = [web.AppRunner(each, access_log=None, shutdown_timeout=0.5) for each in (public, local)]
        try:
            for runner in runners:
                await runner.setup()
            await web.TCPSite(runners[0], host, port).start()
            await web.TCPSite(runners[1], "127.0.0.1", local_port).start()
            yield runners[0].addresses[0][1], runners[1].addresses[0][1]
        finally:
            for runner in runners:
                await runner.cleanup()

    async def _alive(self, _: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _started(self, _: web.Request) -> web.Response:
        if self._programmer.written:
            return web.Response(text="Envoy's files are there\n")
        return web.Response(status=503, text="no operator has given this gateway a configuration yet\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if self._drain.running:
            return web.Response(status=503, text="the pod is on its way out\n")
        if not self._programmer.serving:
            return web.Response(status=503, text="Envoy serves no configuration\n")
        return web.Response(text=f"Envoy serves generation {self._programmer.serving}\n")

    async def _drained(self, _: web.Request) -> web.Response:
        done = await self._drain.wait()
        return web.Response(text="drained\n" if done else "no drain\n")

    async def _begin(self, _: web.Request) -> web.Response:
        self._drain.begin()
        return web.Response(status=202, text="the drain has begun\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        metrics.seen.clear()
        try:
            metrics.seen.update(await self._proxy.counters(metrics.PATTERN))
        except ProxyGone:
            metrics.seen.clear()
        metrics.generation.set(self._programmer.serving)
        text = generate_latest(metrics.REGISTRY)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _jwks(self, request: web.Request) -> web.Response:
        keys = self._issuers.keys(request.match_info["issuer"])
        if keys is None:
            return web.Response(status=503, text="the keys of this issuer could not be had yet\n")
        return web.Response(text=keys, content_type="application/jwk-set+json")

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [_shown(each) for each in self._allowed(request)]})

    async def _model(self, request: web.Request) -> web.Response:
        model = request.match_info["model"]
        if model in self._allowed(request):
            return web.json_response(_shown(model))
        error = {
            "message": "There is no such model.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
        return web.json_response({"error": error}, status=404)

    def _allowed(self, request: web.Request) -> tuple[str, ...]:
        """Models that the caller may ask, by its policy."""
        policy = ".".join(request.headers.get(CLIENT, "").split(".")[:2])
        held = self._held.program
        return held.program.models.get(policy, ()) if held else ()


def _shown(model: str) -> dict[str, object]:
    return {"id": model, "object": "model", "created": 0, "owned_by": "paceline"}
