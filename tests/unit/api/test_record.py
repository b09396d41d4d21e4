"""Lines of the record log: read strictly, refused with a reason."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api.record import MOST_TOKENS, Outcome, Purpose, Record, UsageSource, parse, write
from tests.support.records import record


def line(**changes):
    """A usual line with some of its JSON changed; a value of ... takes the key away."""
    document = json.loads(write(record())) | changes
    return json.dumps({key: value for key, value in document.items() if value is not ...}).encode()


def test_a_line_is_read_into_its_record():
    assert parse(line()) == record()
    assert parse(line(ttftUs=7, lastUs=7)) == record(ttft_us=7, last_us=7)
    assert parse(line(status=503, outcome="Shed", attempt=0, attempts=0)) == record(
        status=503, outcome=Outcome.SHED, attempt=0, attempts=0
    )


names = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=256)
counts = st.integers(0, MOST_TOKENS)


@given(
    st.builds(
        record,
        route=names,
        model=names,
        purpose=st.sampled_from(Purpose),
        outcome=st.sampled_from(Outcome),
        usage_source=st.sampled_from(UsageSource),
        usage_complete=st.booleans(),
        started_us=st.integers(0, 2**53),
        input_tokens=st.integers(400, MOST_TOKENS),
        output_tokens=counts,
        ttft_target_us=st.none() | st.integers(0, 10**9),
    )
)
def test_what_is_written_is_read_back(made):
    assert parse(write(made)) == made
    assert b"\n" not in write(made)


def test_a_gateway_of_the_release_before_knows_of_no_conversation():
    assert parse(line(conversation=...)).conversation == ""


@pytest.mark.parametrize("name", [field.name for field in fields(Record) if field.default is MISSING])
def test_every_field_must_be_there(name):
    head, *rest = name.split("_")
    with pytest.raises(ValueError, match=r"^record"):
        parse(line(**{head + "".join(part.title() for part in rest): ...}))


def test_what_older_gateways_do_not_say_is_none():
    assert parse(line(media=...)).media == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"surprise": 1}, "record.surprise: Unexpected"),
        ({"status": "200"}, "record.status: Input should be a valid integer"),
        ({"status": 200.0}, "record.status: Input should be a valid integer"),
        ({"status": True}, "record.status: Input should be a valid integer"),
        ({"status": 1000}, "record.status: Input should be less than"),
        ({"streamed": 1}, "record.streamed: Input should be a valid boolean"),
        ({"startedUs": -1}, "record.startedUs: Input should be greater"),
        ({"inputTokens": MOST_TOKENS + 1}, "record.inputTokens: Input should be less"),
        ({"outputTokens": None}, "record.outputTokens: Input should be a valid integer"),
        ({"outputTokens": -1}, "record.outputTokens: Input should be greater"),
        ({"outputTokens": 1e308}, "record.outputTokens: Input should be a valid integer"),
        ({"purpose": "user"}, "record.purpose: Input should be 'User'"),
        ({"id": ""}, "record.id: String should have at least 1"),
        ({"id": "x" * 129}, "record.id: String should have at most 128"),
        ({"model": "a\x00b"}, "record.model: String should match"),
        ({"consumer": "a\x7f/b"}, "record.consumer: String should match"),
        ({"team": "a\nb"}, "record.team: String should match"),
        ({"cachedTokens": 1001}, "cachedTokens are more than inputTokens"),
        ({"reasoningTokens": 101}, "reasoningTokens are more than outputTokens"),
        ({"attempt": 2}, "attempt is above attempts"),
        ({"ttftUs": None}, "ttftUs and lastUs go together"),
        ({"lastUs": None}, "ttftUs and lastUs go together"),
        ({"ttftUs": 1_190_001}, "ttftUs is after lastUs"),
    ],
)
def test_a_line_that_is_no_record_says_which_field_is_wrong(changes, words):
    with pytest.raises(ValueError, match=r"^record") as refused:
        parse(line(**changes))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "torn", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"id":"\\ud800"}', line()[:-1], line() + b"}"]
)
def test_what_is_no_line_of_json_is_refused(torn):
    with pytest.raises(ValueError, match=r"^record"):
        parse(torn)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_being_refused(data):
    with pytest.raises(ValueError, match=r"^record"):
        parse(data)


@pytest.mark.parametrize(("attempt", "attempts", "last"), [(0, 0, True), (1, 1, True), (1, 2, False), (2, 2, True)])
def test_the_last_attempt_is_known_by_its_number(attempt, attempts, last):
    assert record(attempt=attempt, attempts=attempts).last is last


@pytest.mark.parametrize(
    ("purpose", "billed"),
    [(Purpose.USER, True), (Purpose.REVIEWED, True), (Purpose.MIRROR, False), (Purpose.PROBE, False)],
)
def test_copies_and_test_requests_are_not_billed(purpose, billed):
    assert record(purpose=purpose).billed is billed
