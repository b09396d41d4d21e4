"""POST /v1/chat/completions."""

from __future__ import annotations

from random import Random
from typing import Any

from aiohttp import web

from paceline.enginesim import body, generation, jsonmode, prompts, tools
from paceline.enginesim.answer import Answer, Script, Source, Talk
from paceline.enginesim.dialect import ChatDialect, ToolDialect
from paceline.enginesim.keys import BEGAN, REQUEST_ID
from paceline.enginesim.logprobs import Scorer, slices
from paceline.enginesim.outlet import Collector
from paceline.enginesim.requests import ChatRequest, Tool
from paceline.enginesim.service import SERVICE
from paceline.enginesim.tokenizer import EOS


async def create(request: web.Request) -> web.StreamResponse:
    """Answer a chat."""
    service = request.app[SERVICE]
    asked = await body.read(request, ChatRequest)
    number = service.enter(asked.model)
    prompt = prompts.chat(service.tokenizer, asked.messages, asked.tools)
    tool = tools.chosen(asked)
    id, created = f"chatcmpl-{request[REQUEST_ID]}", generation.now()
    call = None if tool is None else {"id": f"call_{request[REQUEST_ID]}", "function": {"name": tool.function.name}}
    dialect = (
        ChatDialect(id, service.model_name, created)
        if call is None
        else ToolDialect(id, service.model_name, created, call)
    )
    scorer = Scorer(service.tokenizer, service.language, asked.top_logprobs or 0)

    def make(place: int, rng: Random, longest: int) -> Source:
        text = _scripted(asked, tool, rng)
        if text is not None:
            return Script(service.tokenizer.encode(text), service.tokenizer)
        return Talk(
            service.language,
            rng,
            temperature=1.0 if asked.temperature is None else asked.temperature,
            shortest=longest if asked.ignore_eos else asked.min_tokens,
        )

    def score(answer: Answer, token: int) -> dict[str, Any]:
        return {"content": scorer.chat([token], answer.ids[-3:-1])}

    async def compose(answers: list[Answer], texts: Collector) -> dict[str, Any]:
        document: dict[str, Any] = {
            **dialect.envelope,
            "object": "chat.completion",
            "choices": [await _choice(asked, scorer, call, answer, texts.of(answer)) for answer in answers],
        }
        if asked.prompt_logprobs is not None:
            top = Scorer(service.tokenizer, service.language, asked.prompt_logprobs)
            entries = [entry async for piece in slices(prompt) for entry in top.prompt(*piece)]
            document["prompt_logprobs"] = entries
        return document

    job = generation.Job(
        id=id,
        truth_id=request[REQUEST_ID],
        began=request[BEGAN],
        number=number,
        asked=asked,
        prompts=[prompt],
        longest=[service.check_prompt(prompt, asked.longest, "messages")],
        make=make,
        dialect=dialect,
        compose=compose,
        score=score if asked.logprobs else None,
        reasons={"stop": "tool_calls"} if tool is not None else None,
    )
    return await generation.run(request, service, job)


def _scripted(asked: ChatRequest, tool: Tool | None, rng: Random) -> str | None:
    """Return the text of an answer that is no talk: a tool call's arguments, or JSON."""
    if tool is not None:
        return tools.arguments(tool, rng)
    return jsonmode.script(asked.response_format, rng)


async def _choice(
    asked: ChatRequest, scorer: Scorer, call: dict[str, Any] | None, answer: Answer, text: str
) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    reason = answer.reason
    if call is not None:
        function = {**call["function"], "arguments": text}
        message |= {"content": None, "tool_calls": [{**call, "type": "function", "function": function}]}
        reason = "tool_calls" if reason == "stop" else reason
    ids = [token for token in answer.ids if token != EOS]
    content = [entry async for piece in slices(ids) for entry in scorer.chat(*piece)] if asked.logprobs else None
    return {
        "index": answer.index,
        "message": message,
        "logprobs": {"content": content} if asked.logprobs else None,
        "finish_reason": reason,
    }
