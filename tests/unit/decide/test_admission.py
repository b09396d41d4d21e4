"""What a request is told that may not go on, and what it can cost at most."""

from __future__ import annotations

import pytest

from paceline.api.ledger_config import LedgerConsumer, LedgerRoute
from paceline.decide import admission
from paceline.decide.budget import Verdict
from paceline.decide.denial import Denial
from paceline.decide.pricing import Price, PriceBook
from paceline.decide.queue import Decision
from paceline.decide.reservation import IMAGE_TOKENS, TEMPLATE_TOKENS
from tests.support.ledger_config import a_budget, a_consumer, a_question, a_route

SECOND = 1_000_000
#: One micro-unit per prompt token, two per token of an answer.
BOOK = PriceBook([Price("list", "support-llm", 1_000_000, 500_000, 2_000_000)])
PROMPT = 1000 + TEMPLATE_TOKENS


def route(**changes):
    return LedgerRoute.model_validate(a_route(**changes))


def consumer(**changes):
    return LedgerConsumer.model_validate(a_consumer(**changes))


def cost(question=None, **changes):
    return admission.worst_cost(question or a_question(), route(**changes), BOOK, 0)


def test_a_refusal_has_the_form_of_the_openai_api():
    found = admission.crowded(3)
    words = "maxConcurrentRequests is reached: 3 requests of this key are under way."
    error = {"message": words, "type": "rate_limit_error", "param": None, "code": "concurrency_limit_exceeded"}
    assert (found.status, found.body, found.headers) == (429, {"error": error}, {"Retry-After": "1"})


@pytest.mark.parametrize(
    ("verdict", "status", "code", "headers"),
    [
        (Verdict(False, "BudgetExhausted", "words", 77), 429, "insufficient_quota", {"Retry-After": "77"}),
        (Verdict(False, "BudgetReserved", "words", 1), 429, "insufficient_quota", {"Retry-After": "1"}),
        (Verdict(False, "Unpriced", "words"), 403, "model_not_priced", {}),
    ],
)
def test_a_budget_says_when_it_may_be_worth_another_try(verdict, status, code, headers):
    found = admission.spent(verdict)
    assert (found.status, found.code, found.message, found.headers) == (status, code, "words", headers)


def test_who_stands_on_the_deny_list_is_told_what_the_gateway_would_say():
    suspended = admission.denied(Denial("Suspended"), 0)
    assert (suspended.status, suspended.code, suspended.headers) == (403, "consumer_suspended", {})


@pytest.mark.parametrize(("left", "seconds"), [(60 * SECOND, 60), (59 * SECOND + 1, 60), (0, 1)])
def test_who_has_used_up_a_budget_may_come_again_with_its_next_period(left, seconds):
    found = admission.denied(Denial("Budget", 1000 + left), 1000)
    assert (found.status, found.code, found.retry_seconds) == (429, "insufficient_quota", seconds)


@pytest.mark.parametrize(
    ("outcome", "code", "named"),
    [("QueueFull", "queue_full", "maxRequests is reached: 1000"), ("WaitedTooLong", "queue_timeout", "within 120 s")],
)
def test_who_did_not_get_an_engine_is_told_the_limit_and_the_time(outcome, code, named):
    found = admission.waited(Decision("r1", outcome, 17), route())
    assert (found.status, found.code, found.retry_seconds) == (429, code, 17)
    assert named in found.message


@pytest.mark.parametrize(
    ("changes", "seconds", "refused"),
    [
        ({}, 10**6, False),
        ({"budgets": [a_budget(mode="Soft")]}, 899, False),
        ({"budgets": [a_budget(mode="Soft")]}, 900, True),
        ({"budgets": [a_budget(mode="Soft", graceSeconds=5)]}, 5, True),
        ({"budgets": [a_budget()]}, 0, True),
        ({"maxConcurrentRequests": 1}, 899, False),
        ({"maxConcurrentRequests": 1}, 900, True),
    ],
)
def test_without_the_store_soft_consumers_are_served_for_their_grace_and_hard_ones_never(changes, seconds, refused):
    found = admission.without_store(consumer(**changes), seconds * SECOND)
    assert (found is not None) == refused
    assert found is None or (found.status, found.code, found.retry_seconds) == (503, "admission_unavailable", 5)


def test_a_request_can_cost_its_prompt_and_its_answers_at_their_bounds():
    assert cost() == PROMPT + 200
    assert cost(attempts=3) == 3 * (PROMPT + 200)
    assert cost(prompt_bytes=50) == PROMPT + 50 + 200
    assert cost(a_question(n=4)) == PROMPT + 800
    assert cost(a_question(n=0, prompts=0)) == PROMPT + 200
    assert cost(a_question(media=1)) == PROMPT + IMAGE_TOKENS + 200


def test_what_is_in_the_body_beside_the_prompt_is_read_too():
    assert cost(a_question(body_bytes=5000)) == 5000 + TEMPLATE_TOKENS + 200


def test_several_prompts_are_answered_each_and_may_each_be_as_long_as_the_model_can_read():
    assert cost(context_tokens=2000) == 2000 + 200
    assert cost(a_question(prompts=3), context_tokens=2000) == PROMPT + 600


def test_the_dearest_backend_counts_and_one_without_a_price_leaves_no_bound():
    two = [{"name": "main", "model": "support-llm"}, {"name": "spare", "model": "unknown"}]
    assert cost(backends=two) is None
    assert cost(backends=[]) is None
