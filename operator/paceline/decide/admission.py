"""What a request is told that may not go on, and what it can cost at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from paceline.api.ledger_config import LedgerConsumer, LedgerRoute
from paceline.api.question import Question
from paceline.decide import queue, reservation
from paceline.decide.budget import Verdict
from paceline.decide.denial import Denial
from paceline.decide.period import SECOND
from paceline.decide.pricing import PriceBook
from paceline.decide.reservation import Demand

#: When a ledger whose store is gone, or that does not know a consumer yet, may be asked again.
RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer in the form of the OpenAI API.

    Attributes:
        retry_seconds: None where time changes nothing.
    """

    status: int
    kind: str
    code: str
    message: str
    retry_seconds: int | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The JSON document."""
        return {"error": {"message": self.message, "type": self.kind, "param": None, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        """Retry-After, where there is one."""
        return {} if self.retry_seconds is None else {"Retry-After": str(self.retry_seconds)}


def spent(verdict: Verdict) -> Refusal:
    """Of who may not spend more."""
    if verdict.reason == "Unpriced":
        return Refusal(403, "invalid_request_error", "model_not_priced", verdict.message)
    return Refusal(429, "invalid_request_error", "insufficient_quota", verdict.message, verdict.retry_seconds)


def denied(denial: Denial, now_us: int) -> Refusal:
    """Of who stands on the deny list; in the words that the gateway has for it."""
    if denial.until_us is None:
        return Refusal(403, "invalid_request_error", "consumer_suspended", "This key is suspended.")
    words = f'The budget "{denial.budget}" of this key is used up.'
    seconds = max(1, -(-(denial.until_us - now_us) // SECOND))
    return Refusal(429, "invalid_request_error", "insufficient_quota", words, seconds)


def crowded(limit: int) -> Refusal:
    """Of who has as many requests under way as it may."""
    words = f"maxConcurrentRequests is reached: {limit} requests of this key are under way."
    return Refusal(429, "rate_limit_error", "concurrency_limit_exceeded", words, 1)


def waited(decision: queue.Decision, route: LedgerRoute) -> Refusal:
    """Of who did not get an engine."""
    seconds, most = route.waiting.max_seconds, route.waiting.max_requests
    if decision.outcome == "QueueFull":
        words = f"waiting.maxRequests is reached: {most} requests for {route.model} wait for an engine."
        return Refusal(429, "rate_limit_error", "queue_full", words, decision.retry_seconds)
    words = f"waiting.maxSeconds is reached: no engine of {route.model} was free within {seconds} s."
    return Refusal(429, "rate_limit_error", "queue_timeout", words, decision.retry_seconds)


def unavailable(words: str) -> Refusal:
    """Where nobody can tell."""
    return Refusal(503, "server_error", "admission_unavailable", words, RETRY_SECONDS)


def without_store(consumer: LedgerConsumer, gone_us: int) -> Refusal | None:
    """What is told while the store cannot be asked.

    Args:
        consumer: Who asks; it is not on the deny list.
        gone_us: Microseconds since the store was last reached.

    Returns:
        None: it goes on by its last verdict.
    """
    if consumer.hard:
        return unavailable("What is left of a Hard budget cannot be asked for now.")
    if (consumer.budgets or consumer.reserves) and gone_us >= consumer.grace_seconds * SECOND:
        return unavailable("What is left of the budget could not be asked for too long.")
    return None


def worst_cost(question: Question, route: LedgerRoute, prices: PriceBook, now_us: int) -> int | None:
    """The most that a request can cost, in micro-units; None where a backend has no price."""
    demand = Demand(
        prompt_bytes=max(question.prompt_bytes, question.body_bytes) + route.prompt_bytes,
        output_tokens=question.bound,
        images=question.media,
        choices=max(1, question.n) * max(1, question.prompts),
        attempts=route.attempts,
        # Each of several prompts may be as long as the model can read.
        context_tokens=route.context_tokens if question.prompts <= 1 else None,
    )
    return reservation.worst_cost(demand, [prices.at(each.model, each.name, now_us) for each in route.backends])
