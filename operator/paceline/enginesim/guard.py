"""The key that requests must bring, as in vLLM."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hmac import compare_digest
from pathlib import Path

import yaml
from aiohttp import web

from paceline.enginesim import body
from paceline.enginesim.service import SERVICE

#: What probes and scrapers ask for; vLLM leaves these open too.
OPEN = frozenset({"/health", "/ping", "/version", "/metrics"})
_NAME = "api-key"


class BadConfigError(Exception):
    """The file of --config is none; says what is wrong, without what is in it."""


def read_key(path: Path) -> str:
    """The key in a file of arguments in YAML, as vLLM takes it by --config.

    Raises:
        BadConfigError: it cannot be read, or has something else in it.
    """
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadConfigError(f"{path} cannot be read: {type(error).__name__}") from error
    if not isinstance(found, dict) or set(found) != {_NAME} or not isinstance(found[_NAME], str) or not found[_NAME]:
        raise BadConfigError(f"{path} must have the one line `{_NAME}: KEY`")
    return str(found[_NAME])


@web.middleware
async def guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse a request without the key, in vLLM's words."""
    key = request.app[SERVICE].config.api_key
    if key and request.method != "OPTIONS" and request.path not in OPEN and not _brought(request, key):
        refusal = body.answer({"error": "Unauthorized"})
        refusal.set_status(401)
        return refusal
    return await handler(request)


def _brought(request: web.Request, key: str) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and compare_digest(token.encode("utf-8", "replace"), key.encode())
