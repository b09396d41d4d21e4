"""Secrets are read from files and kept out of words."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.errors import Stalled
from paceline.fetch.secret import Keys, Redactor, keys, token


def test_a_token_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "token"
    redact = Redactor()
    path.write_text("  hf_abc/def+g\n")
    assert token(str(path), redact) == "hf_abc/def+g"
    assert redact("a hf_abc/def+g b hf_abc%2Fdef%2Bg") == "a [redacted] b [redacted]"
    assert token(None, redact) is None


@pytest.mark.parametrize("text", [b"", b"  \n", b"two words", b"two\nlines", b"\xc3\xa9", b"\xff\xfe", b"a\x00b"])
def test_what_is_no_token_is_told_without_it(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(text)
    with pytest.raises(Stalled, match="SourceUnauthorized") as caught:
        token(str(path), Redactor())
    assert "words" not in str(caught.value).replace("in words", "")
    assert caught.value.__cause__ is None


def test_keys_of_s3_are_those_of_the_default_profile(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text(
        "[other]\naws_access_key_id = no\n[default]\naws_access_key_id = AK\naws_secret_access_key = s/%x\n"
        "aws_session_token = tok\nregion = eu-west-1\n"
    )
    redact = Redactor()
    found = keys(str(path), redact)
    assert found == Keys("AK", "s/%x", "tok", "eu-west-1")
    assert "s/%x" not in repr(found)
    assert redact("s/%x tok") == "[redacted] [redacted]"
    assert keys(None, redact) is None


@pytest.mark.parametrize(
    "text",
    [
        "token hf_AbCdEfGh12345 here",
        "key AKIAABCDEFGHIJKLMNOP here",
        "https://h/x?X-Amz-Signature=deadbeef here",
        "https://h/x?X-Amz-Credential=deadbeef&b=1 here",
        "https://user:deadbeef@h/x here",
        "Authorization: Bearer deadbeef here",
    ],
)
def test_what_looks_like_a_secret_is_redacted_unlearned(text: str) -> None:
    said = Redactor()(text)
    assert "[redacted]" in said
    assert "here" in said
    assert not {"deadbeef", "hf_AbCdEfGh12345", "AKIAABCDEFGHIJKLMNOP"} & set(said.replace("=", " ").split())
    assert "deadbeef" not in said


def test_an_empty_secret_redacts_nothing() -> None:
    redact = Redactor()
    redact.learn("", None)
    assert redact("plain words") == "plain words"
