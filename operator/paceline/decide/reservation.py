"""The most that a request can cost, which a Hard budget reserves before the request is forwarded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from paceline.decide.pricing import Price, Tokens

#: What a chat template adds to a prompt beside the bytes of the request: default system prompts and tool preambles.
#: The longest known (Mistral Small, Command R) have 500 to 900 tokens.
TEMPLATE_TOKENS = 2048
#: Tokens of one image at most: Qwen2-VL's default limit of pixels gives 16,384.
IMAGE_TOKENS = 16_384


@dataclass(frozen=True, slots=True)
class Demand:
    """The most that one request can ask of a model.

    Attributes:
        prompt_bytes: Of the body that is sent upstream, injected prompts included.
        images: Image parts, whose tokens are in no relation to their bytes.
        output_tokens: The request's own bound, or the one written into it.
        choices: Answers asked for: n, times the number of prompts.
        attempts: How often it may be sent. Each attempt can cost the whole: a backend that answers too late was paid.
        context_tokens: What the model can read at most; None where that is not known.
    """

    prompt_bytes: int
    output_tokens: int
    images: int = 0
    choices: int = 1
    attempts: int = 1
    context_tokens: int | None = None


def prompt_bound(demand: Demand, image_tokens: int = IMAGE_TOKENS) -> int:
    """Tokens of a prompt at most.

    Every token of a byte-level vocabulary stands for at least one byte, and JSON only makes text longer; so the bytes
    of the body bound the tokens of its text. A template's own tokens are allowed for, and no prompt is longer than what
    the model can read. Vocabularies that normalise text before they split it (NFKC, in some embedding models) can make
    more tokens of rare characters than they have bytes; there only `context_tokens` bounds.
    """
    bound = demand.prompt_bytes + TEMPLATE_TOKENS + demand.images * image_tokens
    return bound if demand.context_tokens is None else min(bound, demand.context_tokens)


def worst_cost(demand: Demand, prices: Iterable[Price | None], image_tokens: int = IMAGE_TOKENS) -> int | None:
    """The most that a request can cost, in micro-units.

    Args:
        demand: What it can ask at most.
        prices: Of every backend that may answer; None for one without a price.
        image_tokens: Of one image at most.

    Returns:
        None where a backend has no price, or there is none: the cost cannot be bounded.
    """
    known = [_dearest(price) for price in prices]
    if not known or None in known:
        return None
    tokens = Tokens(prompt_bound(demand, image_tokens), 0, demand.output_tokens * demand.choices)
    return demand.attempts * max(price.cost(tokens) for price in known if price)


def _dearest(price: Price | None) -> Price | None:
    """The price with every prompt token at the higher of its two prices."""
    if price is None:
        return None
    most = max(price.input, price.cached)
    return replace(price, input=most, cached=most)
