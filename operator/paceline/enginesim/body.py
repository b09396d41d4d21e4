"""Reading a request's JSON body."""

from __future__ import annotations

import asyncio
import json
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from paceline.enginesim.errors import ApiError, invalid
from paceline.enginesim.keys import RECEIVED

Model = TypeVar("Model", bound=BaseModel)


async def read(request: web.Request, model: type[Model]) -> Model:
    """Return the checked body.

    Raises:
        ApiError: It is not JSON, not an object, or a field is wrong.
    """
    raw = await request.read()
    request[RECEIVED] = asyncio.get_running_loop().time()
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"the body is not JSON ({error}): send one JSON object") from None
    if not isinstance(document, dict):
        raise ApiError(400, f"the body is a JSON {type(document).__name__}: send one JSON object")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise invalid(error, document) from None


def answer(document: object) -> web.Response:
    """Return a JSON response."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return web.Response(body=text.encode("utf-8", errors="replace"), content_type="application/json", charset="utf-8")
