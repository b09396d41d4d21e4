"""Errors as OpenAI's clients read them."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

_TYPES = {
    400: "BadRequestError",
    404: "NotFoundError",
    405: "MethodNotAllowed",
    413: "RequestEntityTooLarge",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}


class ApiError(Exception):
    """An answer that is an error.

    Attributes:
        status: HTTP status.
        message: What is wrong, with the value, and what to do.
        param: The request field it is about; None where it is about none.
        headers: Extra response headers.
    """

    def __init__(
        self, status: int, message: str, *, param: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """Return the JSON document of OpenAI's error form, with vLLM's type names and code."""
        kind = _TYPES.get(self.status, "Error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.status}}


def invalid(error: ValidationError) -> ApiError:
    """Return a 400 that names the first wrong field, its value and what would be right."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return ApiError(400, f"{path} is missing: {first['msg'].lower()}", param=path)
    value = repr(first["input"])
    shown = value if len(value) <= 80 else f"{value[:77]}..."
    words = first["msg"].removeprefix("Value error, ")
    return ApiError(400, f"{path or 'request'} is {shown}: {words[:1].lower()}{words[1:]}", param=path or None)
