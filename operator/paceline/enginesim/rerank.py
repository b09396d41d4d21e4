"""POST /v1/rerank: how well each document answers a query. Documents that share words with it come first."""

from __future__ import annotations

from aiohttp import web

from paceline.enginesim import body, embeddings, prompts
from paceline.enginesim.keys import REQUEST_ID
from paceline.enginesim.requests import RerankRequest
from paceline.enginesim.service import SERVICE


async def create(request: web.Request) -> web.Response:
    """Score each document; the engine computes the query with each of them, as a cross-encoder does."""
    service = request.app[SERVICE]
    asked = await body.read(request, RerankRequest)
    service.enter(asked.model)
    query = prompts.texts(service.tokenizer, asked.query, "query")[0]
    documents = prompts.texts(service.tokenizer, asked.documents, "documents")
    pairs = [query + document for document in documents]
    await embeddings.compute(request, pairs, "documents")
    wanted = embeddings.embed(query, embeddings.DIMENSIONS)
    scores = [_score(wanted, embeddings.embed(document, embeddings.DIMENSIONS)) for document in documents]
    order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[: asked.top_n or None]
    results = [
        {"index": index, "document": {"text": asked.documents[index]}, "relevance_score": scores[index]}
        for index in order
    ]
    return body.answer(
        {
            "id": f"rerank-{request[REQUEST_ID]}",
            "model": service.model_name,
            "usage": embeddings.count(pairs),
            "results": results,
        }
    )


def _score(one: list[float], other: list[float]) -> float:
    """Cosine of two unit vectors, from 0 to 1."""
    return round((1 + sum(a * b for a, b in zip(one, other, strict=True))) / 2, 6)
