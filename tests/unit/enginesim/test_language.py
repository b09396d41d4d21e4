import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.enginesim.language import LanguageModel
from paceline.enginesim.tokenizer import BOS, EOS, Tokenizer, corpus

TOKENIZER = Tokenizer(corpus())
MODEL = LanguageModel(TOKENIZER, corpus())
TOKENS = st.integers(0, TOKENIZER.size - 1)


@settings(max_examples=20, deadline=None)
@given(TOKENS, TOKENS)
def test_the_probabilities_behind_any_context_add_up_to_one(a, b):
    assert sum(math.exp(MODEL.logprob(a, b, token)) for token in range(TOKENIZER.size)) == pytest.approx(1)


def test_the_training_text_is_less_surprising_than_the_same_words_in_another_order():
    ids = TOKENIZER.encode(corpus())[:400]
    mixed = list(ids)
    Random(1).shuffle(mixed)

    def surprise(tokens: list[int]) -> float:
        values = [value for value in MODEL.logprobs(tokens) if value is not None]
        return -sum(values) / len(values)

    assert surprise(ids) < 2
    assert surprise(mixed) > 4.5


def test_the_first_token_has_no_log_probability():
    assert MODEL.logprobs([]) == []
    assert MODEL.logprobs([BOS]) == [None]


def test_the_likeliest_tokens_come_best_first_and_lead_the_ranks():
    the = TOKENIZER.encode(" the")[0]
    top = MODEL.top(BOS, the, 5)
    assert [value for _, value in top] == sorted((value for _, value in top), reverse=True)
    assert MODEL.rank(BOS, the, top[0][0]) == 1
    assert MODEL.rank(BOS, the, 7) > 100


@settings(max_examples=50, deadline=None)
@given(TOKENS, TOKENS, TOKENS)
def test_the_rank_is_the_number_of_likelier_tokens_and_one(a, b, token):
    the = TOKENIZER.encode(" the")[0]
    for context in ((a, b), (b, the), (BOS, BOS)):
        own = MODEL.logprob(*context, token)
        better = sum(MODEL.logprob(*context, other) > own for other in range(TOKENIZER.size))
        assert MODEL.rank(*context, token) == 1 + better


def test_ranking_a_token_does_not_score_the_whole_vocabulary(monkeypatch):
    scored = []
    monkeypatch.setattr(LanguageModel, "logprob", lambda self, a, b, token: scored.append(token) or -float(token))
    MODEL.rank(BOS, TOKENIZER.encode(" the")[0], 7)
    assert len(scored) < TOKENIZER.size / 5


def test_temperature_0_always_says_the_same_and_a_high_one_does_not():
    def say(temperature: float, seed: int) -> tuple[int, ...]:
        rng, a, b, said = Random(seed), BOS, BOS, []
        while len(said) < 30:
            a, b = b, MODEL.draw(a, b, rng, temperature)
            if b == EOS:
                a = b = BOS
            said.append(b)
        return tuple(said)

    assert len({say(0, seed) for seed in range(5)}) == 1
    assert len({say(1, seed) for seed in range(5)}) == 5
    assert len({say(1.7, seed) for seed in range(5)}) == 5


def test_a_small_temperature_keeps_to_the_likeliest_and_does_not_overflow():
    rng = Random(3)
    (period,) = TOKENIZER.encode(".")
    best = MODEL.draw(7, period, rng, 0)
    cold = [MODEL.draw(7, period, rng, 0.001) for _ in range(100)]
    assert cold.count(best) > 80


def test_an_unknown_context_falls_back_to_single_words():
    assert MODEL.draw(7, 9, Random(1), 0) == MODEL.draw(9, 7, Random(2), 0)
