"""What the server says about itself: models, health, version, metrics, tokens."""

from __future__ import annotations

from importlib import metadata

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from paceline.enginesim import body, prompts
from paceline.enginesim.errors import ApiError
from paceline.enginesim.requests import TokenizeRequest
from paceline.enginesim.service import SERVICE, State


async def models(request: web.Request) -> web.Response:
    """GET /v1/models."""
    service = request.app[SERVICE]
    service.check_open()
    return body.answer({"object": "list", "data": [_model(request)]})


async def model(request: web.Request) -> web.Response:
    """GET /v1/models/{model}."""
    service = request.app[SERVICE]
    service.check_open()
    name = request.match_info["model"]
    if name != service.model_name:
        raise ApiError(404, f"model {name!r} does not exist: this server has {service.model_name!r}", param="model")
    return body.answer(_model(request))


async def health(request: web.Request) -> web.Response:
    """GET /health and /ping: 200 while requests are taken."""
    service = request.app[SERVICE]
    if service.state is not State.READY or service.config.faults.refuse_ready:
        raise ApiError(503, f"the engine is {service.state}", headers={"Retry-After": "1"})
    return web.Response()


async def version(request: web.Request) -> web.Response:
    """GET /version."""
    return body.answer({"version": f"paceline-{metadata.version('paceline')}"})


async def metrics(request: web.Request) -> web.Response:
    """GET /metrics."""
    page = request.app[SERVICE].metrics.page()
    return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def tokenize(request: web.Request) -> web.Response:
    """POST /tokenize, as in vLLM: how many tokens a text or a chat has."""
    service = request.app[SERVICE]
    asked = await body.read(request, TokenizeRequest)
    if asked.messages is not None:
        ids = prompts.chat(service.tokenizer, asked.messages)
    else:
        ids = prompts.texts(service.tokenizer, asked.prompt or "", "prompt")[0]
    longest = service.config.calibration.limits.max_context
    return body.answer({"count": len(ids), "max_model_len": longest, "tokens": ids})


def _model(request: web.Request) -> dict[str, object]:
    service = request.app[SERVICE]
    return {
        "id": service.model_name,
        "object": "model",
        "created": service.created,
        "owned_by": "paceline",
        "root": f"sim://{service.config.calibration.name}",
        "parent": None,
        "max_model_len": service.config.calibration.limits.max_context,
    }
