import json

from hypothesis import given
from hypothesis import strategies as st

from paceline.enginesim.tokenizer import EOS, Tokenizer, corpus, valid_ids

TOKENIZER = Tokenizer(corpus())


@given(st.text())
def test_every_text_comes_back_as_it_was(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@given(st.text(alphabet=' abcdefghij{}[]:,"\n0123456789_é北🚲'))
def test_every_mixture_of_words_and_signs_comes_back_as_it_was(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_known_words_are_one_token_and_english_has_four_characters_in_each():
    assert len(TOKENIZER.encode("The time")) == 2
    assert len(corpus()) / len(TOKENIZER.encode(corpus())) > 4


def test_control_tokens_have_no_text():
    assert TOKENIZER.decode([EOS]) == ""


def test_half_a_surrogate_pair_becomes_a_question_mark():
    assert TOKENIZER.decode(TOKENIZER.encode("a\ud800")) == "a?"


def test_a_full_word_cache_still_encodes():
    small = Tokenizer("one two")
    small._words.update({str(index): (0,) for index in range(100_000)})
    assert small.decode(small.encode("three")) == "three"
    assert "three" not in small._words


def test_tokens_are_ready_as_json_strings():
    (token,) = TOKENIZER.encode("\n\n")
    assert json.loads(TOKENIZER.json_of(token)) == "\n\n"


def test_ids_outside_of_the_vocabulary_are_found():
    assert valid_ids([0, TOKENIZER.size - 1], TOKENIZER.size)
    assert not valid_ids([-1], TOKENIZER.size)
    assert not valid_ids([TOKENIZER.size], TOKENIZER.size)
