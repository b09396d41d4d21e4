"""Orders that nobody can carry out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from paceline.api.source import Report, Source
from paceline.errors import Stalled, Waiting
from paceline.fetch.order import guard, parse
from paceline.fetch.places import prepare

GOOD = '{"name": "a", "uri": "hf://a/b"}'


def test_an_order_is_read_from_options(tmp_path: Path) -> None:
    expected = tmp_path / "t.jinja"
    expected.write_text("template")
    order = parse([GOOD, '{"name": "b", "uri": "hf://a/c", "secretFile": "/s"}'], tmp_path, expected)
    assert [each.name for each in order.sources] == ["a", "b"]
    assert order.sources[1].secret_file == "/s"
    assert order.chat_template == "template"


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (["no json"], "JSON"),
        (['{"name": "UPPER", "uri": "hf://a/b"}'], "name"),
        (['{"name": "../up", "uri": "hf://a/b"}'], "name"),
        (['{"name": "a"}'], "uri"),
        ([GOOD, GOOD], "same name"),
    ],
)
def test_options_that_cannot_be_understood_are_told(sources: list[str], words: str) -> None:
    with pytest.raises(Stalled, match=f"SourceInvalid.*{words}"):
        parse(sources, None, None)


def test_a_template_that_is_not_there_is_told() -> None:
    with pytest.raises(Waiting, match="chatTemplateRef"):
        parse([GOOD], None, Path("/absent"))


def test_a_network_that_is_none_is_told() -> None:
    with pytest.raises(Stalled, match="host bits"):
        guard(["10.0.0.1/8"])


@pytest.mark.parametrize(
    ("fields", "reason", "words"),
    [
        ({"uri": "gs://a/b"}, "SourceInvalid", "gs://"),
        ({"uri": "https://user:pw@h/b"}, "SourceInvalid", "user"),
        ({"uri": "https://h/a/../b"}, "SourceInvalid", ".."),
        ({"uri": "http://h/b", "secret_file": "/x"}, "SourceInvalid", "https"),
        ({"uri": "hf://a/b", "secret_file": "/absent"}, "ReferenceMissing", "secretRef"),
        ({"uri": "s3://a/b", "secret_file": "/absent"}, "ReferenceMissing", "secretRef"),
    ],
)
def test_sources_that_cannot_be_fetched_are_told(
    fetch: Callable[..., Report], fields: dict[str, str], reason: str, words: str
) -> None:
    failure = fetch(**fields).failure
    assert failure is not None
    assert failure.reason == reason
    assert words in failure.message
    assert "pw@" not in failure.message


@pytest.mark.parametrize(("uri", "module"), [("hf://a/b", "huggingface_hub.hf_api"), ("s3://a/b", "s3fs")])
def test_without_the_extra_it_says_what_to_install(uri: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Stalled, match=r"paceline\[fetch\]"):
        prepare([Source(name="a", uri=uri)])
    prepare([Source(name="a", uri="https://h/x")])
