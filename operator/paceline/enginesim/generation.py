"""From a checked request to answers in the engine, streamed or whole: what chat and completions share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from aiohttp import web

from paceline.enginesim import body
from paceline.enginesim.answer import Answer, Sink, Source
from paceline.enginesim.dialect import Dialect, usage
from paceline.enginesim.keys import RECEIVED
from paceline.enginesim.outlet import Collector, Score, Stream
from paceline.enginesim.requests import Generate
from paceline.enginesim.service import Service
from paceline.enginesim.sse import EventStream, event
from paceline.sim.blocks import chain_hashes

#: Makes the source of one answer: index among the choices, its random numbers, its longest length.
MakeSource = Callable[[int, Random, int], Source]
#: Makes the final document from the answers and their texts.
Compose = Callable[[list[Answer], Collector], Awaitable[dict[str, Any]]]


@dataclass(slots=True)
class Job:
    """One request on its way.

    Attributes:
        id: Response id.
        truth_id: Id in the truth log (the request id).
        began: Arrival (the loop's clock).
        number: Number of the request on this server.
        asked: The checked request.
        prompts: Token ids of each prompt; ``n`` answers for each.
        longest: Most tokens of an answer, one for each prompt.
        make: Makes the source of each answer.
        dialect: Documents of a stream.
        compose: Final document of a whole answer.
        score: Log probabilities of a token; None where nobody asked.
        reasons: Finish reasons that this request calls otherwise.
    """

    id: str
    truth_id: str
    began: float
    number: int
    asked: Generate
    prompts: list[list[int]]
    longest: list[int]
    make: MakeSource
    dialect: Dialect
    compose: Compose
    score: Score | None = None
    reasons: dict[str, str] | None = None

    @property
    def count(self) -> int:
        """Number of answers."""
        return len(self.prompts) * self.asked.n


def now() -> int:
    """Return the wall clock in whole seconds, for ``created``."""
    return int(time.time())


async def run(request: web.Request, service: Service, job: Job) -> web.StreamResponse:
    """Answer a job, streamed if it asks for that."""
    return await (_stream(request, service, job) if job.asked.stream else _whole(request, service, job))


async def _whole(request: web.Request, service: Service, job: Job) -> web.Response:
    collector = Collector(job.count, service.tokenizer)
    answers = await _answers(service, job, collector)
    try:
        service.start(answers, request[RECEIVED])
        await collector.wait()
    finally:
        service.drop(answers)
    document = await job.compose(answers, collector)
    document["usage"] = total_usage(job, answers)
    return body.answer(document)


async def _stream(request: web.Request, service: Service, job: Job) -> web.StreamResponse:
    events = EventStream(request)
    outlet = Stream(
        job.count,
        events,
        job.dialect,
        service.tokenizer,
        score=job.score,
        usage_always=job.asked.usage_always,
        reasons=job.reasons,
    )
    answers = await _answers(service, job, outlet)
    try:
        await events.open()
        service.start(answers, request[RECEIVED])
        await outlet.wait()
    finally:
        service.drop(answers)
    last = b""
    if job.asked.usage_at_end:
        last = event({**job.dialect.envelope, "choices": [], "usage": total_usage(job, answers)})
    events.write(last + b"data: [DONE]\n\n")
    await events.close()
    return events.response


async def _answers(service: Service, job: Job, sink: Sink) -> list[Answer]:
    asked = job.asked
    answers: list[Answer] = []
    block = service.config.calibration.limits.block_size
    for place, prompt in enumerate(job.prompts):
        prefix = chain_hashes(prompt, block)
        own = f"{service.config.seed}/{job.number}"
        seed = own if asked.seed is None else f"{asked.seed}/{hash(tuple(prompt))}"
        for choice in range(asked.n):
            index = place * asked.n + choice
            longest = job.longest[place]
            if answers:
                await asyncio.sleep(0)  # a source may be long work, such as an instance of a large schema
            answers.append(
                Answer(
                    job.truth_id,
                    index=index,
                    prompt=len(prompt),
                    longest=longest,
                    prefix=prefix,
                    source=job.make(place, Random(f"{seed}/{index}"), longest),  # noqa: S311 -- words, not secrets
                    sink=sink,
                    tokenizer=service.tokenizer,
                    stop=asked.stop or [],
                    began=job.began,
                )
            )
    return answers


def total_usage(job: Job, answers: list[Answer]) -> dict[str, Any]:
    """Return the usage of all answers; each prompt counts once."""
    return usage(
        sum(map(len, job.prompts)),
        sum(len(answer.ids) for answer in answers),
        sum(answer.cached for answer in answers[:: job.asked.n]),
    )
