"""Who sends a request, by its bearer token."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from paceline.errors import Stalled

_log = logging.getLogger(__name__)

#: gateway: a gateway's pod, which sends records and asks for admission and its deny list. read: who looks at usage.
#: configure: the operator. peer: another replica of the ledger.
Scope = Literal["gateway", "read", "configure", "peer"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is.

    Attributes:
        gateway: namespace/name; of a gateway's pod.
        shipper: Of a gateway's pod: its own name, never that of another one.
    """

    name: str
    scopes: frozenset[Scope]
    gateway: str = ""
    shipper: str = ""


class Verifier(Protocol):
    """Tells who has a token."""

    async def verify(self, token: str) -> Identity | None:
        """Who has this token; None: nobody.

        Raises:
            PacelineError: it cannot be told for now.
        """


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    gateway: str = ""
    shipper: str = ""


_ENTRIES = TypeAdapter(list[_Entry])


class TokenFile:
    """A file of digests of tokens, read again when it changes: for one machine, and for tests.

    It is a JSON list of objects with name, sha256 (of the token, in hexadecimal), scopes, and for the pods of gateways
    gateway and shipper. What cannot be read leaves the last good list in force.

    Raises:
        Stalled: the file cannot be read, or is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _version(path)
        self._known = _read(path)

    async def verify(self, token: str) -> Identity | None:
        """Who has this token."""
        self._look()
        return self._known.get(hashlib.sha256(token.encode()).hexdigest())

    def _look(self) -> None:
        try:
            seen = _version(self._path)
            if seen != self._seen:
                self._seen = seen
                self._known = _read(self._path)
        except Stalled as wrong:
            _log.error("%s The tokens that were known before are in force.", wrong.message)


def _version(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise Stalled("TokensUnknown", f"{path} cannot be read: {error.strerror}. Give a readable file.") from error
    return found.st_mtime_ns, found.st_ino, found.st_size


def _read(path: Path) -> dict[str, Identity]:
    try:
        entries = _ENTRIES.validate_json(path.read_bytes())
    except OSError as error:
        raise Stalled("TokensUnknown", f"{path} cannot be read: {error.strerror}. Give a readable file.") from error
    except ValidationError as wrong:
        # Only where and what: a token that somebody wrote in the place of its digest must not come into a log.
        places = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'list'}: {each['type']}" for each in wrong.errors())
        raise Stalled("TokensUnknown", f"{path} is no list of tokens ({places}). Correct it.") from None
    for entry in entries:
        if "gateway" in entry.scopes and not (entry.gateway and entry.shipper):
            raise Stalled("TokensUnknown", f"{path}: {entry.name} has scope gateway, so give gateway and shipper.")
    return {each.sha256: Identity(each.name, each.scopes, each.gateway, each.shipper) for each in entries}
