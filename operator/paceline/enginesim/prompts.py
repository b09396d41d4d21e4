"""From messages and prompts to token ids."""

from __future__ import annotations

import json
from typing import Any

from paceline.enginesim.errors import ApiError
from paceline.enginesim.requests import Message, Tool
from paceline.enginesim.tokenizer import (
    ASSISTANT,
    BOS,
    END_OF_TURN,
    IMAGE,
    ROLES,
    SYSTEM,
    Tokenizer,
    valid_ids,
)

#: Tokens of one image: LLaVA-1.5's 24 x 24 patches.
IMAGE_TOKENS = 576


def chat(tokenizer: Tokenizer, messages: list[Message], tools: list[Tool] | None = None) -> list[int]:
    """Return the prompt of a chat: each message between a role and an end token, the assistant's turn at the end.

    Raises:
        ApiError: A part of a message is of an unknown kind.
    """
    ids = [BOS]
    if tools:
        described = json.dumps([tool.model_dump(exclude_none=True) for tool in tools])
        ids += [SYSTEM, *tokenizer.encode(described), END_OF_TURN]
    for index, message in enumerate(messages):
        ids.append(ROLES[message.role])
        if isinstance(message.content, str):
            ids += tokenizer.encode(message.content)
        elif message.content is not None:
            for place, part in enumerate(message.content):
                ids += _part(tokenizer, part, f"messages.{index}.content.{place}")
        if message.tool_calls:
            ids += tokenizer.encode(json.dumps(message.tool_calls))
        ids.append(END_OF_TURN)
    ids.append(ASSISTANT)
    return ids


def last_words(messages: list[Message]) -> str:
    """Return the text of the last user message."""
    for message in reversed(messages):
        if message.role == "user":
            if isinstance(message.content, str):
                return message.content
            return " ".join(str(part.get("text", "")) for part in message.content or ())
    return ""


def texts(tokenizer: Tokenizer, value: Any, field: str) -> list[list[int]]:
    """Return the prompts of a text, a token list, or a list of either.

    Raises:
        ApiError: It is empty or holds a token that does not exist.
    """
    if isinstance(value, str) or (value and isinstance(value[0], int)):
        value = [value]
    if not value:
        raise ApiError(400, f"{field} is empty: give at least one text", param=field)
    prompts = []
    for index, item in enumerate(value):
        path = f"{field}.{index}" if len(value) > 1 else field
        if isinstance(item, str):
            prompts.append([BOS, *tokenizer.encode(item)])
            continue
        if not item:
            raise ApiError(400, f"{path} is an empty token list: give at least one token", param=path)
        if not valid_ids(item, tokenizer.size):
            wrong = next(token for token in item if not valid_ids((token,), tokenizer.size))
            raise ApiError(400, f"{path} has token {wrong}: ids go from 0 to {tokenizer.size - 1}", param=path)
        prompts.append(list(item))
    return prompts


def _part(tokenizer: Tokenizer, part: dict[str, Any], path: str) -> list[int]:
    kind = part.get("type")
    if kind in {"text", "input_text"} and isinstance(part.get("text"), str):
        return tokenizer.encode(part["text"])
    if kind == "refusal":
        return tokenizer.encode(str(part.get("refusal", "")))
    if kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        if not isinstance(url, str) or not url.startswith(("data:image/", "http://", "https://")):
            raise ApiError(
                400, f"{path}.image_url.url is {str(url)[:60]!r}: give an http(s) or data:image/ URL", param=path
            )
        return [IMAGE] * IMAGE_TOKENS
    raise ApiError(400, f"{path}.type is {kind!r}: use text (with text) or image_url", param=path)
