"""What all handlers do with requests and answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from paceline.api.conditions import parse_stamp
from paceline.ledger.service.verifier import Identity

IDENTITY: web.RequestKey[Identity] = web.RequestKey("identity", Identity)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(Exception):  # noqa: N818 - an answer, not an accident
    """A request that is answered with an error.

    Attributes:
        reason: CamelCase, for programs.
        more: Further fields of the answer.
    """

    def __init__(
        self, status: int, reason: str, message: str, *, retry_seconds: int | None = None, **more: object
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_seconds = retry_seconds
        self.more = more

    def answer(self) -> web.Response:
        """As it is sent."""
        headers = {} if self.retry_seconds is None else {"Retry-After": str(self.retry_seconds)}
        return answer({"reason": self.reason, "message": self.message, **self.more}, self.status, headers)


def answer(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON document."""
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


async def body(request: web.Request, most: int) -> bytes:
    """The body, unpacked.

    Raises:
        Refused: it is larger than it may be, before all of it is in memory; or it is broken.
    """
    parts, size = [], 0
    try:
        async for part in request.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > most:
                raise Refused(413, "TooLarge", f"The body is larger than {most} bytes; send less at a time.")
    except web.RequestPayloadError:
        raise Refused(400, "Invalid", "The body cannot be unpacked or ends too early.") from None
    return b"".join(parts)


def text(request: web.Request, name: str) -> str:
    """A parameter that must be given.

    Raises:
        Refused: it is not.
    """
    value = request.query.get(name, "")
    if not value:
        raise Refused(400, "Invalid", f"Parameter {name} is missing.")
    return value


def number(request: web.Request, name: str, *, least: int = 0, most: int = 2**53, default: int | None = None) -> int:
    """A whole number among the parameters.

    Raises:
        Refused: it is none, or out of its range.
    """
    value = request.query.get(name)
    if value is None and default is not None:
        return default
    if value is None or not value.isascii() or not value.isdigit() or not least <= int(value[:20]) <= most:
        shown = "missing" if value is None else repr(value[:32])
        raise Refused(400, "Invalid", f"Parameter {name} must be a whole number from {least} to {most}; it is {shown}.")
    return int(value)


def time_us(request: web.Request, name: str, default: int) -> int:
    """A time of RFC 3339 among the parameters, as microseconds since 1970.

    Raises:
        Refused: it is none.
    """
    value = request.query.get(name)
    if value is None:
        return default
    found = parse_stamp(value)
    if found is None or found < _EPOCH:
        words = f"Parameter {name} must be a time such as 2026-11-02T10:00:00Z; it is {value[:40]!r}."
        raise Refused(400, "Invalid", words)
    return (found - _EPOCH) // timedelta(microseconds=1)
