"""POST /v1/completions."""

from __future__ import annotations

from random import Random
from typing import Any

from aiohttp import web

from paceline.enginesim import body, generation, jsonmode, prompts
from paceline.enginesim.answer import Answer, Script, Source, Talk
from paceline.enginesim.dialect import CompletionDialect
from paceline.enginesim.errors import ApiError
from paceline.enginesim.keys import BEGAN, REQUEST_ID
from paceline.enginesim.logprobs import Scorer, slices
from paceline.enginesim.outlet import Collector
from paceline.enginesim.requests import CompletionRequest
from paceline.enginesim.service import SERVICE, Service
from paceline.enginesim.tokenizer import BOS, EOS


async def create(request: web.Request) -> web.StreamResponse:
    """Continue one or more prompts."""
    service = request.app[SERVICE]
    asked = await body.read(request, CompletionRequest)
    number = service.enter(asked.model)
    found = prompts.texts(service.tokenizer, asked.prompt, "prompt")
    id = f"cmpl-{request[REQUEST_ID]}"
    dialect = CompletionDialect(id, service.model_name, generation.now())
    echo = _Echo(service, asked, found)

    def make(place: int, rng: Random, longest: int) -> Source:
        text = jsonmode.script(asked.response_format, rng)
        if text is not None:
            return Script(service.tokenizer.encode(text), service.tokenizer)
        return Talk(
            service.language,
            rng,
            (found[place][-2] if len(found[place]) > 1 else BOS, found[place][-1]),
            temperature=1.0 if asked.temperature is None else asked.temperature,
            shortest=longest if asked.ignore_eos else asked.min_tokens,
        )

    longest = None if asked.max_tokens is None else max(asked.max_tokens, 1)
    job = generation.Job(
        id=id,
        truth_id=request[REQUEST_ID],
        began=request[BEGAN],
        number=number,
        asked=asked,
        prompts=found,
        longest=[service.check_prompt(prompt, longest, "prompt") for prompt in found],
        make=make,
        dialect=dialect,
        compose=lambda answers, texts: _compose(dialect, echo, answers, texts),
        score=None if asked.logprobs is None else echo.score,
    )
    if asked.echo and asked.stream:
        raise ApiError(400, "echo does not work with stream: set one of them to false", param="echo")
    return await generation.run(request, service, job)


class _Echo:
    """What of the prompt comes back with an answer."""

    def __init__(self, service: Service, asked: CompletionRequest, found: list[list[int]]) -> None:
        self._tokenizer = service.tokenizer
        self._scorer = Scorer(service.tokenizer, service.language, asked.logprobs or 0)
        self._prompt_scorer = Scorer(service.tokenizer, service.language, asked.prompt_logprobs or 0)
        self._asked = asked
        self._found = found
        self._offsets: dict[int, int] = {}

    def score(self, answer: Answer, token: int) -> dict[str, Any]:
        """Return the log probabilities of one more token of a stream."""
        offset = self._offsets.get(answer.index, 0)
        before = [*self._prompt(answer)[-2:], *answer.ids[-3:-1]]
        scored = self._scorer.legacy([token], before, offset)
        self._offsets[answer.index] = offset + len(scored["tokens"][0])
        return scored

    async def choice(self, answer: Answer, text: str) -> dict[str, Any]:
        """Return the choice of a whole answer."""
        asked, prompt = self._asked, self._prompt(answer)
        ids = [token for token in answer.ids if token != EOS]
        if asked.max_tokens == 0:
            ids, text = [], ""
        choice: dict[str, Any] = {"index": answer.index, "text": text, "logprobs": None, "stop_reason": None}
        if asked.echo:
            choice["text"] = self._tokenizer.decode(prompt) + text
        if asked.logprobs is not None and asked.echo:
            choice["logprobs"] = await self._scorer.legacy_whole([*prompt, *ids])
        elif asked.logprobs is not None:
            choice["logprobs"] = await self._scorer.legacy_whole(ids, prompt)
        if asked.prompt_logprobs is not None:
            scorer = self._prompt_scorer
            choice["prompt_logprobs"] = [entry async for piece in slices(prompt) for entry in scorer.prompt(*piece)]
        choice["finish_reason"] = answer.reason
        return choice

    def _prompt(self, answer: Answer) -> list[int]:
        return self._found[answer.index // self._asked.n]


async def _compose(dialect: CompletionDialect, echo: _Echo, answers: list[Answer], texts: Collector) -> dict[str, Any]:
    return {**dialect.envelope, "choices": [await echo.choice(answer, texts.of(answer)) for answer in answers]}
