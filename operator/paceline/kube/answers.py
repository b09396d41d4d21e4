"""The test request to an idle engine, and whether its answer is one. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from paceline.api.model_spec import Task

_MOST_CHARACTERS = 200
#: Where the results of a task are in its answer.
_ITEMS = {"Generate": "choices", "Embed": "data", "Score": "results"}
_SCORES = ("relevance_score", "score")


@dataclass(frozen=True)
class Question:
    """A request to an engine.

    Attributes:
        path: URL path.
        body: JSON.
    """

    path: str
    body: dict[str, Any]


def question(task: Task, served_name: str) -> Question:
    """The smallest request that needs the model: one token, the embedding of one word, or one score."""
    if task == "Embed":
        return Question("/v1/embeddings", {"model": served_name, "input": "ping"})
    if task == "Score":
        return Question("/v1/rerank", {"model": served_name, "query": "ping", "documents": ["pong"]})
    return Question(
        "/v1/completions", {"model": served_name, "prompt": "ping", "max_tokens": 1, "temperature": 0, "stream": False}
    )


def judge(task: Task, status: int, body: bytes) -> str:
    """What is wrong with an answer; empty: the model answered."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if status != 200:
        words = _error_words(parsed) or body[:_MOST_CHARACTERS].decode("utf-8", "replace").strip()
        return f"the engine answered the test request with HTTP {status}: {words or 'no explanation'}"
    # SGLang's answer to /v1/rerank is the list itself.
    items = parsed.get(_ITEMS[task]) if isinstance(parsed, dict) else parsed if task == "Score" else None
    if not isinstance(items, list) or not items or not isinstance(items[0], dict):
        return "the engine answered the test request with something that is no OpenAI answer"
    if task == "Score" and not any(isinstance(items[0].get(name), int | float) for name in _SCORES):
        return "the engine answered the test request without a score"
    if task == "Embed" and not items[0].get("embedding"):
        return "the engine answered the test request with an empty embedding"
    return ""


def _error_words(parsed: object) -> str:
    """The words of an OpenAI error answer."""
    error = parsed.get("error") if isinstance(parsed, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return message[:_MOST_CHARACTERS] if isinstance(message, str) else ""
