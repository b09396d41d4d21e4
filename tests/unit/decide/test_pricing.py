"""Which price holds, and what tokens cost at it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.decide.pricing import MOST, Price, PriceBook, Tokens

#: Input 2.50, cached 1.25, output 10.00 per million tokens: 2.5, 1.25 and 10 micro-units per token.
PRICE = Price.of(
    "gpt-4o", "gpt-4o", input_per_million="2.50", cached_input_per_million="1.25", output_per_million="10.00"
)


def price(name, *, model="m", **fields):
    return Price(name, model, 1, 1, 1, **fields)


def name_at(prices, time_us, *, model="m", backend="b"):
    found = PriceBook(prices).at(model, backend, time_us)
    return found.name if found else None


@pytest.mark.parametrize(
    ("tokens", "micros"),
    [
        (Tokens(0, 0, 0), 0),
        (Tokens(1000, 0, 100), 3500),
        (Tokens(1000, 1000, 0), 1250),
        (Tokens(1000, 400, 7), 2070),
        (Tokens(2, 1, 0), 4),
        (Tokens(1, 0, 0), 3),
        (Tokens(0, 0, 1), 10),
    ],
)
def test_tokens_cost_the_price_per_million_rounded_up_once(tokens, micros):
    assert PRICE.cost(tokens) == micros


def test_cached_input_costs_as_other_input_where_it_has_no_price():
    assert Price.of("p", "m", input_per_million=3, output_per_million=0).cached == 3_000_000


def test_a_cheap_token_is_never_free():
    cheap = Price.of("p", "m", input_per_million="0.02", output_per_million=0)
    assert cheap.cost(Tokens(1, 0, 0)) == 1


amounts = st.integers(0, MOST)
prices = st.builds(Price, st.just("p"), st.just("m"), amounts, amounts, amounts)
tokens = st.builds(
    lambda cached, rest, output: Tokens(cached + rest, cached, output), *(st.integers(0, 10**8) for _ in range(3))
)


@given(prices, tokens)
def test_rounding_takes_nothing_away_and_adds_less_than_one_micro_unit(price, tokens):
    exact = Fraction(
        (tokens.input - tokens.cached) * price.input + tokens.cached * price.cached + tokens.output * price.output,
        1_000_000,
    )
    assert 0 <= price.cost(tokens) - exact < 1
    assert isinstance(price.cost(tokens), int)


@given(prices, tokens, tokens)
def test_more_tokens_never_cost_less(price, some, more):
    both = Tokens(some.input + more.input, some.cached + more.cached, some.output + more.output)
    assert price.cost(both) >= price.cost(some)


@pytest.mark.parametrize("wrong", [-1, MOST + 1])
@pytest.mark.parametrize("part", ["input", "cached", "output"])
def test_a_price_beyond_all_reason_is_refused(part, wrong):
    with pytest.raises(ValueError, match=r"'p' must be from 0 to 1000000\.00 per million"):
        Price(**{"name": "p", "model": "m", "input": 0, "cached": 0, "output": 0, part: wrong})


def test_without_a_price_there_is_none():
    assert name_at([], 5) is None
    assert name_at([price("other", model="other")], 5) is None


@pytest.mark.parametrize(
    ("time_us", "name"), [(0, "first"), (9, "first"), (10, "second"), (19, "second"), (20, "third")]
)
def test_of_several_prices_the_latest_that_has_come_holds(time_us, name):
    entries = [price("second", effective_us=10), price("third", effective_us=20), price("first")]
    assert name_at(entries, time_us) == name


def test_before_its_time_a_price_does_not_hold():
    assert name_at([price("later", effective_us=10)], 9) is None


def test_a_price_for_the_backend_goes_before_a_newer_one_for_all():
    entries = [price("all", effective_us=10), price("mine", backend="b")]
    assert name_at(entries, 20) == "mine"
    assert name_at(entries, 20, backend="other") == "all"


def test_before_its_time_a_price_for_the_backend_leaves_the_common_one():
    assert name_at([price("all"), price("mine", backend="b", effective_us=10)], 9) == "all"


def test_of_two_prices_of_the_same_time_the_later_entry_holds():
    assert name_at([price("one", effective_us=3), price("two", effective_us=3)], 3) == "two"
