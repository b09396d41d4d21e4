"""A place that has a model's files, whatever protocol it speaks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from paceline.fetch.reasons import invalid

#: More files than any model has; a listing that goes on is a fault or an attack.
MOST_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file's bytes must hash to; git-sha1 is that of a git blob, with its header."""

    algorithm: Literal["sha256", "git-sha1", "md5"]
    hex: str

    def start(self, size: int) -> hashlib._Hash:
        """A running hash that has seen nothing of the file yet."""
        if self.algorithm == "sha256":
            return hashlib.sha256()
        if self.algorithm == "md5":
            return hashlib.md5(usedforsecurity=False)
        return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class File:
    """One file of a source.

    Attributes:
        name: Relative path with slashes, as the source gives it.
        size: Bytes.
        version: What tells this content from another at the source, such as an ETag; "" where a commit does.
        digest: None where the source does not say.
    """

    name: str
    size: int
    version: str = ""
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a source at one moment.

    Attributes:
        files: All of them, by name.
        commit: Where the source has such a thing; otherwise the needed files' names, sizes and versions make one.
    """

    files: dict[str, File]
    commit: str | None = None


class Place(Protocol):
    """Where files are looked up and read. Every method may raise a PacelineError of a reason in reasons.py."""

    #: Whether the files must be brought, or lie where an engine mounts them.
    remote: bool

    def look(self) -> Listing:
        """The files that are there now."""

    def describe(self, file: File) -> File:
        """The same file with all that the place can say about it, which may take a request of its own."""

    def read(self, file: File, start: int, length: int) -> bytes:
        """At most so many bytes from there on; fewer only where the file ends."""

    def stream(self, file: File, start: int) -> Iterator[bytes]:
        """The bytes from there to the end."""

    def close(self) -> None:
        """Let go of connections."""


def listing(files: Iterable[File], commit: str | None = None) -> Listing:
    """Files by name, of which there are not too many.

    Raises:
        Stalled: reason SourceInvalid.
    """
    found: dict[str, File] = {}
    for file in files:
        if file.size < 0:
            raise invalid(f"the source says that {file.name[:100]!r} has {file.size} bytes. Use another source.")
        found[file.name] = file
        if len(found) > MOST_FILES:
            raise invalid(f"the source has more than {MOST_FILES} files. Point uri at the folder of one model.")
    return Listing(found, commit)


def commit_of(files: Iterable[File]) -> str:
    """A digest over names, sizes and versions, for places without commits."""
    lines = (f"{file.name}\0{file.size}\0{file.version}\n" for file in sorted(files, key=lambda each: each.name))
    return f"sha256:{hashlib.sha256(''.join(lines).encode('utf-8', 'surrogatepass')).hexdigest()}"
