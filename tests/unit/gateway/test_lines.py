"""Lines of Envoy's log."""

from __future__ import annotations

import json

import pytest

from paceline.gateway.lines import parse
from tests.support.lines import kept


def test_a_line_is_read_as_it_was_written() -> None:
    begun, ended = (parse(text)[0] for text in kept()["whole"])
    assert (begun.type, begun.of_attempt, begun.cluster, begun.code) == ("UpstreamPoolReady", True, "first", 0)
    assert (ended.type, ended.of_attempt, ended.attempts, ended.details) == ("DownstreamEnd", False, 1, "via_upstream")
    assert json.loads(ended.request)["model"] == "public-a"
    assert 0 < ended.started_us < begun.started_us < begun.emitted_us < ended.emitted_us
    assert (ended.refusal, begun.client) == ("", "")


def test_the_first_line_of_a_proxy_is_read_behind_what_a_killed_one_left_half() -> None:
    first, second = kept()["wrong-body"][0], kept()["whole"][1]
    for size in range(0, len(first), 7):
        assert parse(first[:size] + second) == parse(second)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"not a line",
        b'{"type":"DownstreamEnd"}',
        b'{"type":"Other","id":"a","started":"1.000000","emitted":"1.000000"}',
        b'{"type":"DownstreamEnd","id":"","started":"1.000000","emitted":"1.000000"}',
        b'{"type":"DownstreamEnd","id":"a","started":"soon","emitted":"1.000000"}',
        b'{"' + b"[" * 100_000,
        b'{"\xff":1}',
    ],
)
def test_what_is_no_line_gives_nothing(text: bytes) -> None:
    assert parse(text) == []
