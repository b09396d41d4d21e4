"""A real, small language model: interpolated trigrams (Witten and Bell) over the bundled text."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import accumulate
from random import Random

from paceline.enginesim.tokenizer import BOS, EOS, Tokenizer


class Followers:
    """What came after a context, and how sure that is.

    Attributes:
        tokens: Tokens seen after the context, most frequent first.
        weights: How often each was seen.
        share: Witten and Bell's weight of this context against the shorter one: N / (N + T).
    """

    __slots__ = ("_cumulated", "_warm", "counts", "share", "tokens", "total", "weights")

    def __init__(self, counts: Counter[int]) -> None:
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        self.tokens = [token for token, _ in ordered]
        self.weights = [count for _, count in ordered]
        self.counts = dict(counts)
        self.total = sum(self.weights)
        self.share = self.total / (self.total + len(self.tokens))
        self._cumulated = list(accumulate(count / self.total for count in self.weights))
        self._warm: tuple[float, list[float]] | None = None

    def probability(self, token: int) -> float:
        """Return the maximum-likelihood probability of a token."""
        return self.counts.get(token, 0) / self.total

    def draw(self, point: float, temperature: float) -> int:
        """Return the token at ``point`` (0 to 1) of the distribution at a temperature."""
        if temperature == 0:
            return self.tokens[0]
        if temperature == 1:
            cumulated = self._cumulated
        else:
            if self._warm is None or self._warm[0] != temperature:
                # Relative to the largest, so that a small temperature cannot overflow.
                raised = [(count / self.weights[0]) ** (1 / temperature) for count in self.weights]
                whole = sum(raised)
                self._warm = (temperature, list(accumulate(value / whole for value in raised)))
            cumulated = self._warm[1]
        return self.tokens[min(bisect_right(cumulated, point), len(self.tokens) - 1)]


class LanguageModel:
    """Trigram model with P = s3 P3 + (1 - s3) (s2 P2 + (1 - s2) (s1 P1 + (1 - s1) / V)).

    Every token has a probability above 0, so log probabilities and perplexity are finite and mean what they
    say: text like the training text scores better than noise.
    """

    def __init__(self, tokenizer: Tokenizer, text: str) -> None:
        self._size = tokenizer.size
        one: Counter[int] = Counter()
        two: dict[int, Counter[int]] = defaultdict(Counter)
        three: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        for paragraph in text.strip().split("\n\n"):
            ids = [BOS, BOS, *tokenizer.encode(paragraph), EOS]
            for a, b, c in zip(ids, ids[1:], ids[2:], strict=False):
                one[c] += 1
                two[b][c] += 1
                three[a, b][c] += 1
        self._one = Followers(one)
        self._two = {key: Followers(counts) for key, counts in two.items()}
        self._three = {key: Followers(counts) for key, counts in three.items()}

    def draw(self, a: int, b: int, rng: Random, temperature: float) -> int:
        """Return a token to follow ``a b``.

        Drawn with the tail cut off, as engines do (top-p): the uniform floor never, the shorter context eight
        times less often than in the mixture. The floor only keeps log probabilities finite.
        """
        random = rng.random
        for followers in (self._three.get((a, b)), self._two.get(b)):
            if followers is not None and (temperature == 0 or random() * 8 >= 1 - followers.share):
                return followers.draw(random(), temperature)
        return self._one.draw(random(), temperature)

    def logprob(self, a: int, b: int, token: int) -> float:
        """Return the natural logarithm of P(token | a b)."""
        share = self._one.share
        value = share * self._one.probability(token) + (1 - share) / self._size
        for followers in (self._two.get(b), self._three.get((a, b))):
            if followers is not None:
                value = followers.share * followers.probability(token) + (1 - followers.share) * value
        return math.log(value)

    def logprobs(self, ids: Sequence[int]) -> list[float | None]:
        """Return the log probability of each token behind those before it; None for the first."""
        values: list[float | None] = [None]
        values += [
            self.logprob(ids[index - 2] if index > 1 else BOS, ids[index - 1], ids[index])
            for index in range(1, len(ids))
        ]
        return values[: len(ids)]

    def top(self, a: int, b: int, count: int) -> list[tuple[int, float]]:
        """Return the ``count`` likeliest tokens behind ``a b`` with their log probabilities, best first."""
        candidates = dict.fromkeys(self._one.tokens[: 2 * count])
        for followers in (self._two.get(b), self._three.get((a, b))):
            if followers is not None:
                candidates.update(dict.fromkeys(followers.tokens))
        scored = [(token, self.logprob(a, b, token)) for token in candidates]
        return sorted(scored, key=lambda item: (-item[1], item[0]))[:count]

    def rank(self, a: int, b: int, token: int) -> int:
        """Return the place of a token among all, 1 being the likeliest (ties share the better place)."""
        own = self.logprob(a, b, token)
        near: set[int] = set()
        for followers in (self._two.get(b), self._three.get((a, b))):
            if followers is not None:
                near.update(followers.tokens)
        better = sum(self.logprob(a, b, other) > own for other in near)
        # Those that never followed keep the order that they have as single words.
        others = [other for other in self._one.tokens if other not in near]
        return 1 + better + bisect_left(others, True, key=lambda other: self.logprob(a, b, other) <= own)
