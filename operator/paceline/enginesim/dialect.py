"""How chat and completions write the same answer."""

from __future__ import annotations

import json
from typing import Any, Protocol


def usage(prompt: int, answer: int, cached: int) -> dict[str, Any]:
    """Return OpenAI's usage document (tokens)."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


class Dialect(Protocol):
    """The documents of one endpoint."""

    #: Fields of every chunk but ``choices``.
    envelope: dict[str, Any]

    def opening(self, index: int) -> dict[str, Any] | None:
        """Return the choice of the chunk before the first token, if there is one."""

    def choice(self, index: int, text: str, logprobs: Any, reason: str | None) -> dict[str, Any]:
        """Return the choice of a chunk."""


class ChatDialect:
    """chat.completion.chunk."""

    def __init__(self, id: str, model: str, created: int) -> None:
        self.envelope = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}

    def opening(self, index: int) -> dict[str, Any]:
        """Return the role."""
        delta = {"role": "assistant", "content": ""}
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}

    def choice(self, index: int, text: str, logprobs: Any, reason: str | None) -> dict[str, Any]:
        """Return a delta of content; the last one may have none."""
        delta = {"content": text} if text or reason is None else {}
        return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}


class ToolDialect(ChatDialect):
    """chat.completion.chunk whose words are the arguments of a tool call."""

    def __init__(self, id: str, model: str, created: int, call: dict[str, Any]) -> None:
        super().__init__(id, model, created)
        self._call = call

    def opening(self, index: int) -> dict[str, Any]:
        """Return the role and the name of the function."""
        function = {"name": self._call["function"]["name"], "arguments": ""}
        call = {"index": 0, "id": self._call["id"], "type": "function", "function": function}
        delta = {"role": "assistant", "content": None, "tool_calls": [call]}
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}

    def choice(self, index: int, text: str, logprobs: Any, reason: str | None) -> dict[str, Any]:
        """Return a delta of arguments."""
        delta = {"tool_calls": [{"index": 0, "function": {"arguments": text}}]} if text or reason is None else {}
        return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}


class CompletionDialect:
    """text_completion."""

    def __init__(self, id: str, model: str, created: int) -> None:
        self.envelope = {"id": id, "object": "text_completion", "created": created, "model": model}

    def opening(self, index: int) -> None:
        """Return nothing: the first token comes first."""

    def choice(self, index: int, text: str, logprobs: Any, reason: str | None) -> dict[str, Any]:
        """Return a piece of text."""
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason, "stop_reason": None}


_MARK = "\u0001"


def frame(dialect: Dialect, index: int) -> tuple[bytes, bytes]:
    """Return what stands before and behind the JSON string of a token in an event, ready made."""
    document = {**dialect.envelope, "choices": [dialect.choice(index, _MARK, None, None)]}
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    before, _, behind = text.partition(json.dumps(_MARK))
    return f"data: {before}".encode(), f"{behind}\n\n".encode()
