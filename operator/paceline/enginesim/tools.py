"""Tool calls."""

from __future__ import annotations

import re
from random import Random

from paceline.enginesim import jsonmode, prompts
from paceline.enginesim.errors import ApiError
from paceline.enginesim.requests import ChatRequest, NamedTool, Tool


def chosen(asked: ChatRequest) -> Tool | None:
    """Return the tool that the answer calls; None where it talks.

    Named and required choices are obeyed (required takes the best match, or the first). With ``auto`` the
    tool is called whose name or description shares a word of four letters or more with the last user message,
    unless a tool has answered already.

    Raises:
        ApiError: The named tool is not among the tools.
    """
    tools, choice = asked.tools or [], asked.tool_choice
    if not tools or choice == "none":
        return None
    if isinstance(choice, NamedTool):
        for tool in tools:
            if tool.function.name == choice.function.name:
                return tool
        known = ", ".join(tool.function.name for tool in tools)
        raise ApiError(
            400, f"tool_choice.function.name is {choice.function.name!r}: the tools are {known}", param="tool_choice"
        )
    words = _words(prompts.last_words(asked.messages))
    best = max(tools, key=lambda tool: len(words & _tool_words(tool)))
    if choice == "required":
        return best
    answered = asked.messages[-1].role in {"tool", "function"}
    return best if not answered and words & _tool_words(best) else None


def arguments(tool: Tool, rng: Random) -> str:
    """Return arguments that are valid under the tool's parameters.

    Raises:
        ApiError: No arguments can be made for them.
    """
    schema = tool.function.parameters or {"type": "object", "properties": {}}
    return jsonmode.instance(schema, rng, f"tools.{tool.function.name}.parameters")


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z]+", text.lower()) if len(word) > 3}


def _tool_words(tool: Tool) -> set[str]:
    return _words(f"{tool.function.name.replace('_', ' ')} {tool.function.description or ''}")
