"""/healthz, /readyz and /metrics."""

from __future__ import annotations

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from paceline.ledger.service import metrics
from paceline.ledger.service.service import SERVICE


async def alive(_: web.Request) -> web.Response:
    """The process answers."""
    return web.Response(text="alive\n")


async def ready(request: web.Request) -> web.Response:
    """There is a document, and the database was reached at the last try.

    A full disk leaves it ready: it can still be read, and whoever writes is told.
    """
    service = request.app[SERVICE]
    if not service.ready:
        return web.Response(status=503, text="there is no document yet, or the process ends\n")
    if service.access.unreadable:
        return web.Response(status=503, text="the database cannot be reached\n")
    return web.Response(text="ready\n")


async def show_metrics(_: web.Request) -> web.Response:
    """All metrics, in Prometheus' form."""
    return web.Response(body=generate_latest(metrics.REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})
