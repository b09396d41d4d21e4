"""What of an answer is to be checked: the content of each of its choices."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

#: What a model can say instead of content, and is not checked: calls of tools, and that it refuses.
_OTHERWISE = ("tool_calls", "function_call", "refusal")


def contents(body: bytes, *, stream: bool) -> list[str]:
    """Texts of the choices, in their order; without those that say something else than content.

    Args:
        body: An answer of /v1/chat/completions or /v1/completions, as JSON or as events.
        stream: It is events.

    Raises:
        ValueError: it is no such answer, or not a whole one.
    """
    choices = _Choices()
    for document in _events(body) if stream else [json.loads(body)]:
        choices.add(document)
    return choices.texts()


class _Choices:
    """What is known of choices, by their index."""

    def __init__(self) -> None:
        self._parts: dict[int, list[str]] = {}
        self._otherwise: set[int] = set()

    def add(self, document: Any) -> None:
        if not isinstance(document, dict) or "error" in document:
            raise ValueError("it is an error, or no object")
        for place, choice in enumerate(document.get("choices") or []):
            index = choice.get("index", place)
            found = choice.get("message") or choice.get("delta") or {}
            text = choice.get("text") or found.get("content")
            self._parts.setdefault(index, []).append(text if isinstance(text, str) else "")
            if any(found.get(name) for name in _OTHERWISE):
                self._otherwise.add(index)

    def texts(self) -> list[str]:
        if not self._parts:
            raise ValueError("it has no choices")
        whole = {index: "".join(self._parts[index]) for index in sorted(self._parts)}
        return [text for index, text in whole.items() if text or index not in self._otherwise]


def _events(body: bytes) -> Iterator[Any]:
    """Each event's document.

    Raises:
        ValueError: the last one is not there.
    """
    for data in _data(body.splitlines()):
        if data == b"[DONE]":
            return
        yield json.loads(data)
    raise ValueError("it ends before its last event")


def _data(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line.removeprefix(b"data:").strip() for line in lines if line.startswith(b"data:"))
