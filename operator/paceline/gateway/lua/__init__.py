"""The scripts that run inside of the proxy. No text of a tenant ever becomes part of one: values come as metadata."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Script:
    """A script, under a name that changes with it: the proxy reads a script once."""

    name: str
    text: str


@cache
def _script(name: str, *parts: str) -> Script:
    files = resources.files(__name__)
    text = "\n".join(files.joinpath(part).read_text(encoding="utf-8") for part in parts)
    return Script(f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.lua", text)


def request() -> Script:
    """What runs once for each request, and reads its answer."""
    return _script("request", "scan.lua", "edits.lua", "denial.lua", "usage.lua", "request.lua")


def identity() -> Script:
    """What makes the client of a request of its token."""
    return _script("identity", "identity.lua")


def upstream() -> Script:
    """What runs for each attempt."""
    return _script("upstream", "edits.lua", "upstream.lua")


def copied() -> Script:
    """What runs for each copy of a request."""
    return _script("copied", "scan.lua", "edits.lua", "copy.lua")
