"""POST /v1/embeddings: vectors in which texts that share words are near each other."""

from __future__ import annotations

import base64
import math
from array import array
from hashlib import blake2b
from itertools import pairwise
from typing import Any

from aiohttp import web

from paceline.enginesim import body, prompts
from paceline.enginesim.answer import Answer, Script
from paceline.enginesim.keys import BEGAN, RECEIVED, REQUEST_ID
from paceline.enginesim.outlet import Collector
from paceline.enginesim.requests import EmbeddingRequest
from paceline.enginesim.service import SERVICE
from paceline.sim.blocks import chain_hashes

DIMENSIONS = 384


def embed(ids: list[int], dimensions: int) -> list[float]:
    """Return the unit vector of a text: signed feature hashing of its tokens and token pairs."""
    vector = [0.0] * dimensions
    features = [(token, -1) for token in ids] + list(pairwise(ids))
    for feature in features:
        digest = blake2b(repr(feature).encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        vector[(number >> 1) % dimensions] += 1.0 if number & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


async def create(request: web.Request) -> web.Response:
    """Embed one or more texts; the engine computes their prompts and nothing else."""
    service = request.app[SERVICE]
    asked = await body.read(request, EmbeddingRequest)
    service.enter(asked.model)
    found = prompts.texts(service.tokenizer, asked.input, "input")
    await compute(request, found, "input")
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(asked, ids)} for index, ids in enumerate(found)
    ]
    usage = count(found)
    return body.answer(
        {
            "id": f"embd-{request[REQUEST_ID]}",
            "object": "list",
            "data": data,
            "model": service.model_name,
            "usage": usage,
        }
    )


async def compute(request: web.Request, found: list[list[int]], field: str) -> None:
    """Take the time that the engine needs for these prompts alone.

    Args:
        request: Whose they are.
        found: Tokens of each.
        field: Of the request, for the words about one that is too long.
    """
    service = request.app[SERVICE]
    collector = Collector(len(found), service.tokenizer)
    answers = []
    for index, ids in enumerate(found):
        service.check_prompt(ids, 0, field)
        answer = Answer(
            request[REQUEST_ID],
            index=index,
            prompt=len(ids),
            longest=0,
            prefix=chain_hashes(ids, service.config.calibration.limits.block_size),
            source=Script([], service.tokenizer),
            sink=collector,
            tokenizer=service.tokenizer,
            stop=[],
            began=request[BEGAN],
        )
        answer.silent = True
        answers.append(answer)
    try:
        service.start(answers, request[RECEIVED])
        await collector.wait()
    finally:
        service.drop(answers)


def count(found: list[list[int]]) -> dict[str, int]:
    """Usage of prompts without answers."""
    total = sum(map(len, found))
    return {"prompt_tokens": total, "total_tokens": total, "completion_tokens": 0}


def _encoded(asked: EmbeddingRequest, ids: list[int]) -> Any:
    vector = embed(ids, asked.dimensions or DIMENSIONS)
    if asked.encoding_format == "base64":
        return base64.b64encode(array("f", vector).tobytes()).decode()
    return vector
