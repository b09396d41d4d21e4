from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.enginesim.answer import Answer, Script, Talk
from paceline.enginesim.tokenizer import EOS, Tokenizer, corpus

TOKENIZER = Tokenizer(corpus())


class Ear:
    """Hears everything that an answer says."""

    def __init__(self, bare: bool = False) -> None:
        self.bare = bare
        self.heard: list[str] = []
        self.tokens: list[int] = []
        self.ended = False

    def token(self, answer: Answer, token: int) -> None:
        self.tokens.append(token)

    def text(self, answer: Answer, text: str, token: int) -> None:
        self.heard.append(text)

    def finish(self, answer: Answer, text: str) -> None:
        self.heard.append(text)
        self.ended = True


def speak(ids: list[int], *, stop: list[str] | None = None, longest: int = 1000) -> tuple[Answer, Ear]:
    ear = Ear()
    answer = Answer(
        "a",
        index=0,
        prompt=1,
        longest=longest,
        prefix=(),
        source=Script(ids, TOKENIZER),
        sink=ear,
        tokenizer=TOKENIZER,
        stop=stop or [],
        began=0.0,
    )
    for number in range(1, longest + 1):
        answer.generated = number
        if answer.deliver(float(number)):
            break
    return answer, ear


@given(st.text(max_size=40), st.text(min_size=1, max_size=3))
def test_what_is_heard_is_the_text_up_to_the_stop(text, stop):
    _, ear = speak(TOKENIZER.encode(text), stop=[stop])
    assert "".join(ear.heard) == text.partition(stop)[0]


@given(st.text(alphabet="abc", max_size=20), st.lists(st.text(alphabet="abc", min_size=1, max_size=4), max_size=3))
def test_the_first_of_several_stops_counts(text, stops):
    _, ear = speak([ord(letter) for letter in text], stop=stops)
    said = "".join(ear.heard)
    assert text.startswith(said)
    assert all(stop not in said for stop in stops)


def test_the_earlier_of_two_stops_in_one_token_counts():
    _, ear = speak(TOKENIZER.encode("The boats"), stop=["ats", "bo"])
    assert "".join(ear.heard) == "The "


def test_parts_of_a_character_wait_for_the_rest():
    _, ear = speak(list("é".encode()))
    assert ear.heard == ["", "é", ""]


def test_broken_bytes_are_shown_as_such_and_hold_nothing_up():
    _, ear = speak([0xF0, 0x41, 0x80, 0x80, 0x80, 0xC3])
    assert "".join(ear.heard).replace("\ufffd", "") == "A"
    assert len("".join(ear.heard)) > 3


def test_an_answer_says_why_it_ended():
    assert speak(TOKENIZER.encode("The boats went out"))[0].reason == "stop"
    assert speak(TOKENIZER.encode("The boats went out"), longest=2)[0].reason == "length"
    assert speak(TOKENIZER.encode("The boats went out"), stop=["went"])[0].reason == "stop"


def test_times_of_the_first_and_the_last_token_are_kept():
    answer, _ = speak(TOKENIZER.encode("The boats went out"))
    assert (answer.first, answer.last) == (1.0, 5.0)


@pytest.mark.parametrize("reason", ["", "length"])
def test_giving_up_keeps_a_reason_there_is(reason):
    answer, _ = speak([])
    answer.reason = reason
    answer.give_up()
    assert answer.reason == (reason or "abort")


class Quiet:
    """A language that ends wherever it may: so many draws out of so many are an end."""

    def __init__(self, ends: int, of: int) -> None:
        self.ends, self.of, self.draws = ends, of, 0

    def draw(self, a: int, b: int, rng: Random, temperature: float) -> int:
        self.draws += 1
        return EOS if temperature and self.draws % self.of < self.ends else 300


@pytest.mark.parametrize(("ends", "of"), [(1, 2), (5, 6), (1, 1)])
def test_a_talk_does_not_end_before_its_shortest_length(ends, of):
    talk = Talk(Quiet(ends, of), Random(1), shortest=20)
    assert EOS not in [talk.next() for _ in range(20)]


def test_a_talk_may_end_after_its_shortest_length():
    talk = Talk(Quiet(1, 1), Random(1), shortest=2)
    assert [talk.next() == EOS for _ in range(3)] == [False, False, True]
