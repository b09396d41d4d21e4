"""What a gateway says of a request when it asks for admission."""

from __future__ import annotations

import json

import pytest

from paceline.api.question import Question, parse
from tests.support.ledger_config import CLIENT, a_question

#: As the gateway's script writes it.
WRITTEN = {
    "client": CLIENT,
    "model": "support-bot",
    "operation": "chat",
    "stream": True,
    "bound": 100,
    "n": 2,
    "prompt_bytes": 1000,
    "media": 1,
}


def test_the_header_is_read_as_the_gateway_writes_it():
    assert parse(json.dumps(WRITTEN)) == a_question(stream=True, n=2, media=1)


def test_what_later_gateways_say_is_taken_or_passed_over():
    assert parse(json.dumps(WRITTEN | {"body_bytes": 5000, "new": "x"})).body_bytes == 5000


@pytest.mark.parametrize(
    ("client", "consumer"),
    [
        (CLIENT, "shop/acme"),
        ("", ""),
        ("external.0123abcd.shop", ""),
        ("external.0123abcd..acme", ""),
        ("external.0123abcd.shop.acme.more", ""),
    ],
)
def test_the_consumer_is_told_from_the_clients_id(client, consumer):
    assert Question(client=client, model="m").consumer == consumer


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "x-pl-request"),
        ("[]", "x-pl-request"),
        (json.dumps(WRITTEN | {"bound": -1}), "x-pl-request.bound"),
        (json.dumps(WRITTEN | {"bound": "7"}), "x-pl-request.bound"),
        (json.dumps({"client": CLIENT}), "x-pl-request.model is missing"),
    ],
)
def test_a_header_that_is_none_is_refused_with_the_field(text, words):
    with pytest.raises(ValueError, match=words):
        parse(text)
