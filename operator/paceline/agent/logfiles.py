"""Envoy's log of requests: one file that grows, and those before it, by number."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

CURRENT = "requests.jsonl"
_OLD = re.compile(r"requests-(\d{1,12})\.jsonl")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of a log.

    Attributes:
        lines: Each without its end, and where it begins.
        end: Where the next one begins.
    """

    lines: tuple[tuple[int, bytes], ...]
    end: int


class LogFiles:
    """The files of one folder.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.current = folder / CURRENT

    def old(self) -> list[int]:
        """Numbers of those to which nothing is written any more, or soon."""
        return sorted(int(found[1]) for each in self.folder.iterdir() if (found := _OLD.fullmatch(each.name)))

    def path(self, number: int) -> Path:
        """Where the log of a number is."""
        old = self._old(number)
        return old if old.exists() else self.current

    def closed(self, number: int) -> bool:
        """Nothing comes to it any more: it was put aside, and Envoy has begun another one."""
        return self._old(number).exists() and self.current.exists()

    def aside(self, number: int) -> bool:
        """It was put aside."""
        return self._old(number).exists()

    def put_aside(self, number: int) -> None:
        """Give the current one its number for good; Envoy writes on in it until it opens its logs anew.

        Raises:
            OSError: it cannot be renamed.
        """
        self.current.rename(self._old(number))

    def remove(self, number: int) -> int:
        """Throw one away; its size in bytes."""
        path = self._old(number)
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        return size

    def size(self, number: int) -> int:
        """Bytes; 0 where there is none."""
        return _size(self.path(number))

    def sizes(self) -> dict[int, int]:
        """Bytes of those that were put aside, by number."""
        return {number: _size(self._old(number)) for number in self.old()}

    def current_size(self) -> int:
        """Bytes of the one that grows."""
        return _size(self.current)

    def free(self) -> int:
        """Bytes that are free on the volume."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def read(self, number: int, offset: int, most: int) -> Chunk:
        """Whole lines from a place on, some at least where there are any.

        Args:
            number: Of the log.
            offset: Where a line begins.
            most: Bytes. A line that is longer is left out.

        Raises:
            OSError: it cannot be read.
        """
        try:
            with self.path(number).open("rb") as file:
                file.seek(offset)
                data = file.read(most)
        except FileNotFoundError:
            return Chunk((), offset)
        whole = data.rfind(b"\n") + 1
        if not whole and len(data) == most:
            return Chunk((), offset + most)
        lines, place = [], offset
        for line in data[:whole].split(b"\n")[:-1]:
            if line:
                lines.append((place, line))
            place += len(line) + 1
        return Chunk(tuple(lines), place)

    def _old(self, number: int) -> Path:
        return self.folder / f"requests-{number}.jsonl"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
