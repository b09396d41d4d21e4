"""The web application: routes, request ids, errors."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web

from paceline.enginesim import body, chat, completions, embeddings, models, rerank
from paceline.enginesim.errors import ApiError
from paceline.enginesim.guard import guard
from paceline.enginesim.keys import BEGAN, REQUEST_ID, STREAMING
from paceline.enginesim.service import SERVICE, Service, State

#: Largest request body: a chat with images in it.
MAX_BODY = 64 << 20

_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Turn failures into OpenAI's error JSON; give every request an id and a time."""
    request[BEGAN] = asyncio.get_running_loop().time()
    service = request.app[SERVICE]
    service.opened()
    request[REQUEST_ID] = request.headers.get("x-request-id", "")[:128] or uuid.uuid4().hex
    try:
        response = await handler(request)
    except ApiError as error:
        response = _refusal(error)
    except web.HTTPRequestEntityTooLarge:
        response = _refusal(ApiError(413, f"the body is larger than {MAX_BODY >> 20} MiB: send less"))
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{request.method} {request.path} is not allowed: use {allowed}"
        response = _refusal(ApiError(405, message, headers={"Allow": allowed}))
    except web.HTTPNotFound:
        response = _refusal(ApiError(404, f"there is no {request.path} here: see GET /v1/models for what there is"))
    except Exception:
        if request.get(STREAMING):
            raise  # half an answer is sent: the connection breaks, as it must
        _log.exception("request %s failed", request[REQUEST_ID])
        response = _refusal(ApiError(500, f"internal error; the log has request {request[REQUEST_ID]}"))
    finally:
        service.closed()
    if service.state is State.DRAINING:
        response.force_close()
    return response


async def _name(request: web.Request, response: web.StreamResponse) -> None:
    """Send the request's id back; close connections once draining."""
    if REQUEST_ID in request:
        response.headers["x-request-id"] = request[REQUEST_ID]
    if request.app[SERVICE].state is State.DRAINING:
        response.force_close()


def _refusal(error: ApiError) -> web.Response:
    response = body.answer(error.body())
    response.set_status(error.status)
    response.headers.update(error.headers)
    return response


def build(service: Service) -> web.Application:
    """Return the application of one engine."""
    app = web.Application(middlewares=[_errors, guard], client_max_size=MAX_BODY)
    app[SERVICE] = service
    app.on_response_prepare.append(_name)
    app.add_routes(
        [
            web.post("/v1/chat/completions", chat.create),
            web.post("/v1/completions", completions.create),
            web.post("/v1/embeddings", embeddings.create),
            web.post("/v1/rerank", rerank.create),
            web.get("/v1/models", models.models),
            web.get("/v1/models/{model:.+}", models.model),
            web.post("/tokenize", models.tokenize),
            web.get("/health", models.health),
            web.get("/ping", models.health),
            web.post("/ping", models.health),
            web.get("/version", models.version),
            web.get("/metrics", models.metrics),
        ]
    )
    return app
