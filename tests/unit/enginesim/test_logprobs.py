"""Log probabilities of long texts, a slice at a time."""

import asyncio

import pytest

from paceline.enginesim.language import LanguageModel
from paceline.enginesim.logprobs import SLICE, Scorer, slices
from paceline.enginesim.tokenizer import Tokenizer, corpus

TOKENIZER = Tokenizer(corpus())
SCORER = Scorer(TOKENIZER, LanguageModel(TOKENIZER, corpus()), 3)
IDS = TOKENIZER.encode(corpus())[: 3 * SLICE + 5]


@pytest.mark.parametrize("before", [(), (300,), (300, 301, 302)])
async def test_slices_of_a_text_score_as_the_whole_text_does(before):
    for score in (SCORER.chat, SCORER.prompt):
        assert [entry async for piece in slices(IDS, before) for entry in score(*piece)] == score(IDS, before)
    assert await SCORER.legacy_whole(IDS, before) == SCORER.legacy(IDS, before)


async def test_the_event_loop_has_its_turn_between_two_slices():
    turns = 0

    async def score() -> None:
        await SCORER.legacy_whole(IDS)

    scoring = asyncio.create_task(score())
    while not scoring.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns >= len(IDS) / SLICE


def test_a_text_of_one_token_has_no_log_probability():
    assert SCORER.prompt(IDS[:1]) == [None]
