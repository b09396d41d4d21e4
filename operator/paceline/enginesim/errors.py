"""Errors as OpenAI's clients read them."""

from __future__ import annotations

from reprlib import Repr
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_TYPES = {
    400: "BadRequestError",
    404: "NotFoundError",
    405: "MethodNotAllowed",
    413: "RequestEntityTooLarge",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}

_SHORT = Repr()
_SHORT.maxstring = 80


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


def invalid(error: ValidationError, document: dict[str, Any]) -> ApiError:
    """Return a 400 that names the first wrong field of a document, its value and what would be right.

    Where a field may be one of several things, the error that lies deepest counts: it is about what was meant.
    """
    found = [(_path(one, document), one) for one in error.errors(include_url=False)]
    top = found[0][0]
    place, worst = max((pair for pair in found if pair[0][: len(top)] == top), key=lambda pair: len(pair[0]))
    path, words = ".".join(place), worst["msg"]
    if worst["type"] == "misfit":
        return ApiError(400, words, param=path)
    if worst["type"] == "missing":
        return ApiError(400, f"{path} is missing: {words.lower()}", param=path)
    return ApiError(400, f"{path} is {_SHORT.repr(worst['input'])}: {words[:1].lower()}{words[1:]}", param=path)


def _path(error: ErrorDetails, document: Any) -> list[str]:
    """Return where an error stands in the document, without what pydantic adds, such as the type it tried."""
    parts, last = list(error["loc"]), []
    if error["type"] == "missing":
        last = [str(parts.pop())]
    elif error["type"] == "misfit":
        last = [error["ctx"]["field"]]
    path = []
    for part in parts:
        try:
            document = document[part]
        except (LookupError, TypeError):
            continue
        path.append(str(part))
    return path + last
