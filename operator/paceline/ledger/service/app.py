"""The web application: routes, who may use which, errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from paceline.api.names import TOKEN_HEADER
from paceline.errors import PacelineError
from paceline.ledger.service import (
    admission,
    budgets,
    configuring,
    deny,
    health,
    http,
    metrics,
    places,
    reading,
    records,
)
from paceline.ledger.service.http import IDENTITY, Refused
from paceline.ledger.service.service import SERVICE, Service
from paceline.ledger.service.verifier import Scope

log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: What one may do with a path; those that are not here are open, for probes and Prometheus.
SCOPES: dict[str, Scope] = {
    "/v1/records": "gateway",
    "/v1/deny": "gateway",
    "/v1/admission": "gateway",
    "/v1/config": "configure",
    "/v1/places": "peer",
    "/v1/budgets": "read",
    "/v1/usage": "read",
    "/v1/export": "read",
    "/v1/slo": "read",
    "/v1/history": "read",
}


def build(service: Service) -> web.Application:
    """The application of one replica."""
    app = web.Application(middlewares=[_errors, _guard])
    app[SERVICE] = service
    app[records.SLOTS] = asyncio.Semaphore(records.AT_ONCE)
    app.add_routes(
        [
            web.post("/v1/records", records.take),
            web.get("/v1/records", records.where),
            web.get("/v1/deny", deny.deny),
            # Envoy asks with the method of the request that it asks for.
            web.route("*", "/v1/admission", admission.admit),
            web.post("/v1/places", places.place),
            web.put("/v1/config", configuring.configure),
            web.get("/v1/config", configuring.generation),
            web.get("/v1/budgets", budgets.show_budgets),
            web.get("/v1/usage", reading.show_usage),
            web.get("/v1/export", reading.show_attempts),
            web.get("/v1/slo", reading.show_slo),
            web.get("/v1/history", reading.show_history),
            web.get("/healthz", health.alive),
            web.get("/readyz", health.ready),
            web.get("/metrics", health.show_metrics),
        ]
    )
    return app


@web.middleware
async def _errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Turn failures into answers; count what is under way, and end connections once the process ends."""
    service = request.app[SERVICE]
    service.opened()
    try:
        response = await handler(request)
    except Refused as refused:
        response = refused.answer()
    except PacelineError as error:
        # What the store says of itself is for whoever runs it: hosts and paths are in it.
        log.log(logging.getLevelName(error.level), "%s cannot be answered: %s", request.path, error.message)
        words = "The ledger's database cannot be used now; nothing was taken."
        response = Refused(503, error.reason, words, retry_seconds=1).answer()
    except web.HTTPMethodNotAllowed as error:
        response = Refused(405, "MethodNotAllowed", f"Use {', '.join(sorted(error.allowed_methods))}.").answer()
    except web.HTTPNotFound:
        response = Refused(404, "NotFound", "There is nothing at this address.").answer()
    except (web.HTTPException, asyncio.CancelledError):
        raise
    except Exception:
        log.exception("%s failed in a way that it should not", request.path)
        response = Refused(500, "Internal", "The ledger met an error that it does not know; its log has it.").answer()
    finally:
        service.closed()
    if service.ending:
        response.force_close()
    return response


@web.middleware
async def _guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Let through who may."""
    scope = SCOPES.get(request.path)
    if scope is None:
        return await handler(request)
    token = _token(request)
    identity = await request.app[SERVICE].verifier.verify(token) if token else None
    if identity is None:
        return _stranger(request, 401, "Unauthorized", "A bearer token that is known is needed.")
    if scope not in identity.scopes:
        return _stranger(request, 403, "Forbidden", f"{identity.name} lacks scope {scope}.")
    request[IDENTITY] = identity
    return await handler(request)


def _token(request: web.Request) -> str:
    """The caller's; "" for none. People come by way of the API server, which keeps the usual header for itself."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return (token if kind.lower() == "bearer" else "").strip() or request.headers.get(TOKEN_HEADER, "").strip()


def _stranger(request: web.Request, status: int, reason: str, message: str) -> web.Response:
    metrics.unauthorized_total.inc()
    if request.path == "/v1/admission":
        # It would be given to a client, whose own key is right.
        log.warning("A gateway asks for admission and cannot: %s", message)
        return admission.unavailable("The ledger does not know this gateway.")
    return http.answer({"reason": reason, "message": message}, status)
