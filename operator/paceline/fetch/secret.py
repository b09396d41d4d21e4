"""Secrets come as files, go to the one host that they are for, and never into words."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from paceline.errors import Stalled
from paceline.fetch.reasons import UNAUTHORIZED, missing

_MOST_BYTES = 64 * 1024
_HIDDEN = "[redacted]"
#: What looks like a secret even if nobody told us: tokens of the Hub, AWS keys, signed URLs, user:password@.
_SHAPES = (
    re.compile(r"\bhf_[A-Za-z0-9]{8,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"(?<=\?)[^\s'\"]*(?:[Ss]ignature|[Tt]oken|[Cc]redential|key)[^\s'\"]*"),
    re.compile(r"(?<=://)[^\s/@'\"]+(?=@)"),
    re.compile(r"(?i)(?<=bearer )\S+"),
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials of S3."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    token: str | None = field(repr=False)
    region: str | None


class Redactor:
    """Takes secrets out of words. What was read here is known by value, the rest by its shape."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def learn(self, *values: str | None) -> None:
        """Secrets that must never be said."""
        for value in values:
            if value:
                self._values |= {value, quote(value, safe="")}

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, _HIDDEN)
        for shape in _SHAPES:
            text = shape.sub(_HIDDEN, text)
        return text


def token(path: str | None, redact: Redactor) -> str | None:
    """The token in a file; None where none is configured.

    Raises:
        Stalled: reason SourceUnauthorized, where the file has no token.
    """
    if path is None:
        return None
    text = _read(path).strip()
    redact.learn(text)
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise Stalled(
            UNAUTHORIZED, "the secret holds no token: one line of visible ASCII is wanted. Correct the Secret."
        )
    return text


def keys(path: str | None, redact: Redactor) -> Keys | None:
    """The profile "default" of an AWS credentials file; None where none is configured.

    Only plain keys count: botocore itself would also run programs that such a file names.

    Raises:
        Stalled: reason SourceUnauthorized, where the file has no keys.
    """
    if path is None:
        return None
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(_read(path))
        section = parser["default"]
        found = Keys(
            section["aws_access_key_id"].strip(),
            section["aws_secret_access_key"].strip(),
            section.get("aws_session_token"),
            section.get("region"),
        )
    except (configparser.Error, KeyError):
        # Neither the text nor the parser's error, which quotes it, may be shown.
        raise Stalled(
            UNAUTHORIZED,
            "the secret is no AWS credentials file: [default] with aws_access_key_id and aws_secret_access_key is "
            "wanted. Correct the Secret.",
        ) from None
    redact.learn(found.key, found.secret, found.token)
    return found


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(_MOST_BYTES).decode()
    except FileNotFoundError:
        raise missing("the Secret or its key", "secretRef") from None
    except (OSError, UnicodeDecodeError):
        raise Stalled(
            UNAUTHORIZED, "the secret's file cannot be read as text. Correct secretRef and the Secret that it names."
        ) from None
