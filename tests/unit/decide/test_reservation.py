"""The most that a request can cost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.decide.pricing import Price, Tokens
from paceline.decide.reservation import IMAGE_TOKENS, TEMPLATE_TOKENS, Demand, prompt_bound, worst_cost

#: One micro-unit per prompt token, three per token of an answer.
PRICE = Price("p", "m", 1_000_000, 500_000, 3_000_000)
DEMAND = Demand(prompt_bytes=1000, output_tokens=100)


def test_a_prompt_has_at_most_a_token_per_byte_and_what_the_template_adds():
    assert prompt_bound(DEMAND) == 1000 + TEMPLATE_TOKENS


def test_images_count_apart_from_their_bytes():
    assert prompt_bound(replace(DEMAND, images=2)) == 1000 + TEMPLATE_TOKENS + 2 * IMAGE_TOKENS
    assert prompt_bound(replace(DEMAND, images=2), image_tokens=10) == 1020 + TEMPLATE_TOKENS


@pytest.mark.parametrize(("context", "bound"), [(2000, 2000), (10_000, 1000 + TEMPLATE_TOKENS)])
def test_no_prompt_is_longer_than_what_the_model_can_read(context, bound):
    assert prompt_bound(replace(DEMAND, context_tokens=context)) == bound


@pytest.mark.parametrize(
    ("change", "cost"),
    [
        ({}, 3048 + 300),
        ({"choices": 4}, 3048 + 1200),
        ({"attempts": 3}, 3 * (3048 + 300)),
        ({"output_tokens": 0}, 3048),
    ],
)
def test_the_cost_is_that_of_the_bounds_for_each_attempt(change, cost):
    assert worst_cost(replace(DEMAND, **change), [PRICE]) == cost


def test_the_dearest_backend_counts():
    dear = replace(PRICE, output=5_000_000)
    assert worst_cost(DEMAND, [PRICE, dear, PRICE]) == 3048 + 500


def test_cached_tokens_may_be_the_dearer_ones():
    assert worst_cost(DEMAND, [replace(PRICE, cached=2_000_000)]) == 2 * 3048 + 300


@pytest.mark.parametrize("prices", [[], [None], [PRICE, None]])
def test_without_every_price_there_is_no_bound(prices):
    assert worst_cost(DEMAND, prices) is None


amounts = st.integers(0, 10**9)


@given(
    st.builds(Price, st.just("p"), st.just("m"), amounts, amounts, amounts),
    st.integers(0, 10**6),
    st.integers(0, 10**5),
    st.integers(1, 8),
    st.data(),
)
def test_no_answer_within_the_bounds_costs_more_than_was_reserved(price, size, output, choices, data):
    demand = Demand(prompt_bytes=size, output_tokens=output, choices=choices)
    prompt = data.draw(st.integers(0, prompt_bound(demand)))
    used = Tokens(prompt, data.draw(st.integers(0, prompt)), data.draw(st.integers(0, output * choices)))
    assert price.cost(used) <= worst_cost(demand, [price])
