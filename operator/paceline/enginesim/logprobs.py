"""Log probabilities in the three forms that clients know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from paceline.enginesim.language import LanguageModel
from paceline.enginesim.tokenizer import BOS, Tokenizer

#: Tokens scored before the event loop gets a turn: a few milliseconds of work.
SLICE = 32


async def slices(
    ids: Sequence[int], before: Sequence[int] = ()
) -> AsyncIterator[tuple[Sequence[int], tuple[int, ...]]]:
    """Yield a text piece by piece, each with up to two tokens before it; the event loop has its turn in between."""
    for start in range(0, len(ids), SLICE):
        yield ids[start : start + SLICE], (*before[-2:], *ids[max(start - 2, 0) : start])[-2:]
        await asyncio.sleep(0)


class Scorer:
    """Scores tokens of one answer or prompt.

    Attributes:
        top: Alternatives to list beside each token.
    """

    def __init__(self, tokenizer: Tokenizer, language: LanguageModel, top: int) -> None:
        self._tokenizer = tokenizer
        self._language = language
        self.top = top

    def chat(self, ids: Sequence[int], before: Sequence[int] = ()) -> list[dict[str, Any]]:
        """Return the entries of a chat's ``logprobs.content``."""
        return [
            {**self._entry(token, value), "top_logprobs": [self._entry(*best) for best in tops]}
            for token, value, tops in self._scored(ids, before)
        ]

    def legacy(self, ids: Sequence[int], before: Sequence[int] = (), offset: int = 0) -> dict[str, Any]:
        """Return a completion's ``logprobs``; the first token of all has none."""
        tokens: list[str] = []
        values: list[float | None] = []
        tops: list[dict[str, float] | None] = []
        offsets: list[int] = []
        for index, (token, value, best) in enumerate(self._scored(ids, before)):
            text = self._tokenizer.decode((token,))
            first = index == 0 and not before
            tokens.append(text)
            values.append(None if first else value)
            tops.append(
                None if first else {self._tokenizer.decode((other,)): chance for other, chance in best} | {text: value}
            )
            offsets.append(offset)
            offset += len(text)
        return {
            "tokens": tokens,
            "token_logprobs": values,
            "top_logprobs": tops if self.top else None,
            "text_offset": offsets,
        }

    async def legacy_whole(self, ids: Sequence[int], before: Sequence[int] = ()) -> dict[str, Any]:
        """Return the same of a long text, in slices."""
        whole, offset = self.legacy(()), 0
        async for piece, context in slices(ids, before):
            part = self.legacy(piece, context, offset)
            offset += sum(map(len, part["tokens"]))
            for key, values in part.items():
                if values is not None:
                    whole[key] += values
        return whole

    def prompt(self, ids: Sequence[int], before: Sequence[int] = ()) -> list[dict[str, dict[str, Any]] | None]:
        """Return vLLM's ``prompt_logprobs``: None for the first token, then token id to log probability and rank."""
        entries: list[dict[str, dict[str, Any]] | None] = []
        a, b = (BOS, BOS, *before)[-2:]
        for token, value, best in self._scored(ids, before):
            ranked = {other: self._ranked(other, chance, rank) for rank, (other, chance) in enumerate(best, start=1)}
            if token not in ranked:
                ranked[token] = self._ranked(token, value, self._language.rank(a, b, token))
            entries.append({str(other): entry for other, entry in ranked.items()})
            a, b = b, token
        if not before:
            entries[:1] = [None]
        return entries

    def _scored(
        self, ids: Sequence[int], before: Sequence[int]
    ) -> Iterator[tuple[int, float, list[tuple[int, float]]]]:
        a, b = (BOS, BOS, *before)[-2:]
        for token in ids:
            yield token, self._language.logprob(a, b, token), self._language.top(a, b, self.top)
            a, b = b, token

    def _entry(self, token: int, value: float) -> dict[str, Any]:
        raw = self._tokenizer.bytes_of(token)
        return {"token": raw.decode("utf-8", errors="replace"), "logprob": value, "bytes": list(raw)}

    def _ranked(self, token: int, value: float, rank: int) -> dict[str, Any]:
        return {"logprob": value, "rank": rank, "decoded_token": self._tokenizer.decode((token,))}
