"""What tokens cost: prices with the time from which each holds, and the cost of one attempt.

Costs are micro-units. tokens x (micro-units per million tokens) is a whole number of millionths of a micro-unit, so
the sum over input, cached input and output is exact; it is rounded once per attempt, up. Rounding up keeps a budget
safe (what is counted is never less than what is owed) and costs at most one micro-unit, 0.000001, per attempt.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from paceline.api import money

#: Tokens that a price is for.
MILLION = 1_000_000
#: Largest price, one unit of the currency for each token. With it 10^8 tokens cost 10^14 micro-units, so that 90,000
#: of the dearest attempts that can be written down still fit into a 64-bit sum.
MOST = money.MOST_PER_MILLION


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one attempt used.

    Attributes:
        input: Tokens of the prompt, cached ones among them.
        cached: Those of the prompt that the backend had in its cache.
        output: Tokens of the answer, reasoning among them.
    """

    input: int
    cached: int
    output: int


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens of a model cost, in micro-units, from some time on.

    Attributes:
        model: The name that the backend knows the model by.
        backend: Only this backend of a route; "" every one.
        effective_us: Microseconds since 1970; 0 always.

    Raises:
        ValueError: a price is negative or above `MOST`.
    """

    name: str
    model: str
    input: int
    cached: int
    output: int
    backend: str = ""
    effective_us: int = 0

    def __post_init__(self) -> None:
        if not 0 <= min(self.input, self.cached, self.output) <= max(self.input, self.cached, self.output) <= MOST:
            raise ValueError(f"price {self.name!r} must be from 0 to {money.text(MOST)} per million tokens")

    @classmethod
    def of(
        cls,
        name: str,
        model: str,
        *,
        input_per_million: str | int,
        output_per_million: str | int,
        cached_input_per_million: str | int | None = None,
        backend: str = "",
        effective_us: int = 0,
    ) -> Self:
        """An entry of a Gateway's `prices`; without a price of its own, cached input costs what other input does.

        Raises:
            ValueError: an amount is no decimal of the API, or too large.
        """
        cached = input_per_million if cached_input_per_million is None else cached_input_per_million
        return cls(
            name,
            model,
            money.parse(input_per_million),
            money.parse(cached),
            money.parse(output_per_million),
            backend,
            effective_us,
        )

    def cost(self, tokens: Tokens) -> int:
        """Micro-units, rounded up once."""
        millionths = (
            (tokens.input - tokens.cached) * self.input + tokens.cached * self.cached + tokens.output * self.output
        )
        return -(-millionths // MILLION)


class PriceBook:
    """The prices of one Gateway, by model and time."""

    def __init__(self, prices: Iterable[Price] = ()) -> None:
        self._prices: dict[tuple[str, str], list[Price]] = {}
        for price in prices:
            self._prices.setdefault((price.model, price.backend), []).append(price)
        for entries in self._prices.values():
            entries.sort(key=_effective)

    def at(self, model: str, backend: str, time_us: int) -> Price | None:
        """The price that holds at a time: of several the latest that has come, one for that very backend first.

        Returns:
            None where none holds: the attempt costs nothing and is marked as unpriced.
        """
        return self._latest(model, backend, time_us) or self._latest(model, "", time_us)

    def _latest(self, model: str, backend: str, time_us: int) -> Price | None:
        entries = self._prices.get((model, backend), [])
        position = bisect_right(entries, time_us, key=_effective)
        return entries[position - 1] if position else None


def _effective(price: Price) -> int:
    return price.effective_us
