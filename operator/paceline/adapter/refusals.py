"""What the adapter says by itself, in the form of the OpenAI API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error.

    Attributes:
        paid: The model has answered, so that asking again costs again: libraries are told not to do it by themselves.
    """

    status: int
    code: str
    message: str
    paid: bool = False

    @property
    def body(self) -> dict[str, Any]:
        """The JSON document."""
        kind = "invalid_response_error" if self.paid else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": None, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        """Those of the answer."""
        return {"x-should-retry": "false"} if self.paid else {"retry-after": "1"}


BUSY = Refusal(503, "adapter_busy", "Too many answers are being checked.")
GONE = Refusal(503, "service_unavailable", "No server can answer this request now.")
UNKNOWN = Refusal(503, "model_unavailable", "What answers of this model must be like is not known here yet.")
INCOMPLETE = Refusal(502, "response_incomplete", "The model's answer broke off, or is none.", paid=True)
TOO_LARGE = Refusal(502, "response_too_large", "The model's answer is too large to be checked.", paid=True)
UNCHECKED = Refusal(502, "response_not_checked", "The model's answer could not be checked in time.", paid=True)


def mismatch(problem: str) -> Refusal:
    """An answer is not as it must be."""
    words = f"The model's answer does not match the schema of this route. {problem}"
    return Refusal(422, "response_schema_mismatch", words, paid=True)
