"""What an agent has got, kept so that it and Envoy serve after a start without any operator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from paceline.agent.files import OWN, Folder, put, take
from paceline.gateway.snapshot import ADDRESSES, FormatError, Program, parse, write

#: Of a file within the folder: no way leads out of it.
_PLACE = re.compile(r"(?!\.)[A-Za-z0-9._-]+(/(?!\.)[A-Za-z0-9._-]+)?")
_Generation = Annotated[int, Field(ge=1, le=2**53)]


@dataclass(frozen=True, slots=True)
class Numbered:
    """A program and its number.

    Attributes:
        digest: By which the operator knows it. That of the program as it is read here may be another one, because what
            an agent of an earlier release does not know is left out.
    """

    generation: int
    program: Program
    digest: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where pods are.

    Attributes:
        since: The version that these are a change of; "": they are all.
        gone: Places that are no more.
    """

    version: str
    files: Mapping[str, str]
    since: str = ""
    gone: tuple[str, ...] = ()

    __pydantic_config__ = ConfigDict(extra="ignore", strict=True)


@dataclass(frozen=True, slots=True)
class Refused:
    """A program that Envoy does not take.

    Attributes:
        words: Envoy's.
    """

    generation: _Generation
    digest: str
    words: str


_ADDRESSES = TypeAdapter(Addresses)
_REFUSED = TypeAdapter(Refused)
_GENERATION = TypeAdapter(_Generation)
#: What comes before a program where it is sent or kept.
_HEAD = re.compile(rb'\{"generation":(\d{1,16}),"digest":"([0-9a-z]{1,128})","program":')


class UnreadableError(ValueError):
    """A program that cannot be read here, though it is one.

    Attributes:
        refused: What is to be told of it.
    """

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.words)
        self.refused = refused


class Held:
    """The keeping.

    Args:
        folder: Of Envoy's files; what is held is below it, readable by its owner only.
        gateway: namespace/name; what is another one's is not taken.
    """

    def __init__(self, folder: Path, gateway: str) -> None:
        self._gateway = gateway
        self._program = folder / OWN / "program.json"
        self._addresses = Folder(folder / OWN / "addresses")
        self._refused = folder / OWN / "refused.json"
        text = take(self._program)
        self.program = self._read(text) if text else None
        #: Their version is asked for anew: an agent that ended may have kept a part of a change.
        self.addresses = Addresses("", self._addresses.present())
        self.refused = _refused(take(self._refused) or "")

    def numbered(self, text: bytes) -> Numbered:
        """Read a program as it is sent.

        Raises:
            UnreadableError: it is of a release too far from this one.
            ValueError: it is none, or that of another gateway. Nothing of its content is in the message.
        """
        head = _HEAD.match(text)
        if head is None or not text.endswith(b"}"):
            raise ValueError("the answer is no program with a generation")
        generation, digest = _GENERATION.validate_python(int(head[1])), head[2].decode()
        try:
            program = parse(text[head.end() : -1])
        except FormatError as other:
            raise UnreadableError(Refused(generation, digest, str(other))) from None
        if program.gateway != self._gateway:
            raise ValueError(f"the program is of {program.gateway}")
        wrong = [place for place in program.files if not _PLACE.fullmatch(place) or place.startswith(f"{OWN}/")]
        if wrong or any(place.startswith(ADDRESSES) for place in program.files):
            raise ValueError(f"the program has files that are none: {wrong[:3]}")
        return Numbered(generation, program, digest)

    def keep(self, numbered: Numbered) -> None:
        """Hold a program from now on.

        Raises:
            OSError: it cannot be kept.
        """
        head = f'{{"generation":{numbered.generation},"digest":"{numbered.digest}","program":'
        put(self._program, f"{head}{write(numbered.program).decode()}}}")
        self.program = numbered

    def difference(self, told: Addresses) -> Addresses:
        """What changes where addresses are told.

        Raises:
            ValueError: it is a change of others than are held.
        """
        before = self.addresses
        if told.since and told.since != before.version:
            raise ValueError(f"the addresses are a change of version {told.since[:60]!r}, and not of the one here")
        gone = told.gone if told.since else tuple(before.files.keys() - told.files.keys())
        changed = {place: text for place, text in told.files.items() if before.files.get(place) != text}
        return Addresses(told.version, changed, before.version, gone)

    def move(self, change: Addresses) -> None:
        """Hold addresses with this change from now on.

        Raises:
            OSError: they cannot be kept.
        """
        self._addresses.write(change.files)
        self._addresses.remove(change.gone)
        kept = {place: text for place, text in self.addresses.files.items() if place not in change.gone}
        self.addresses = Addresses(change.version, {**kept, **change.files})

    def refuse(self, refused: Refused | None) -> None:
        """Remember what Envoy does not take; None: it takes what it has.

        Raises:
            OSError: it cannot be kept.
        """
        put(self._refused, _REFUSED.dump_json(refused).decode() if refused else "")
        self.refused = refused

    @property
    def known(self) -> tuple[int, str]:
        """Generation and digest of the latest program, also of one that Envoy does not take; (0, "") for none."""
        held = (self.program.generation, self.program.digest) if self.program else (0, "")
        refused = (self.refused.generation, self.refused.digest) if self.refused else (0, "")
        return max(held, refused)

    def _read(self, text: str) -> Numbered | None:
        try:
            return self.numbered(text.encode())
        except ValueError:
            return None


def addresses(text: bytes) -> Addresses:
    """Read addresses as they are sent.

    Raises:
        ValueError: they are none.
    """
    try:
        found = _ADDRESSES.validate_json(text)
    except ValidationError as wrong:
        raise ValueError(f"the answer is no addresses ({wrong.error_count()} errors)") from None
    for place in (*found.files, *found.gone):
        if not (_PLACE.fullmatch(place) and place.startswith(ADDRESSES)):
            raise ValueError(f"addresses have a file that is none: {place[:60]!r}")
    return found


def _refused(text: str) -> Refused | None:
    try:
        return _REFUSED.validate_json(text)
    except ValidationError:
        return None
