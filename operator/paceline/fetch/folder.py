"""file:///mounted/path: a volume that is mounted here as it will be for the engine. Nothing is brought anywhere."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from paceline.api.source import Source
from paceline.errors import Stalled
from paceline.fetch.names import safe
from paceline.fetch.place import MOST_FILES, File, Listing, listing
from paceline.fetch.reasons import NOT_FOUND, REFUSED, UNAUTHORIZED, Unreachable, invalid

_MOST_DEPTH = 4
#: Of a configuration, whose digest counts for the commit: sizes and times alone are easily the same.
_MOST_CONFIG_BYTES = 8 * 1024 * 1024


class Folder:
    """One folder of a volume."""

    remote = False

    def __init__(self, source: Source) -> None:
        self._root = Path(source.uri.removeprefix("file://"))
        self._seen = 0

    def close(self) -> None:
        """Nothing is held."""

    def look(self) -> Listing:
        """Regular files below the folder, with their times of change as versions."""
        try:
            self._seen = 0
            return listing(self._walk("", self._root.stat().st_dev))
        except FileNotFoundError as error:
            raise Stalled(
                NOT_FOUND, f"the volume has no folder {self._root.name!r}. Correct the path in uri."
            ) from error
        except PermissionError as error:
            raise _unreadable() from error
        except OSError as error:
            raise Unreachable(f"the volume cannot be read ({error.strerror}). It is tried again.") from error

    def describe(self, file: File) -> File:
        """The same; of config.json with the digest of what it says."""
        if file.name != "config.json" or file.size > _MOST_CONFIG_BYTES:
            return file
        said = hashlib.sha256(self.read(file, 0, file.size)).hexdigest()
        return replace(file, version=f"{file.version}\0{said}")

    def read(self, file: File, start: int, length: int) -> bytes:
        """A range of a file."""
        try:
            with (self._root / safe(file.name)).open("rb") as opened:
                opened.seek(start)
                return opened.read(length)
        except PermissionError as error:
            raise _unreadable() from error
        except OSError as error:
            raise Unreachable(f"{file.name[:100]!r} cannot be read ({error.strerror}). It is tried again.") from error

    def stream(self, file: File, start: int) -> Iterator[bytes]:
        """Not needed: an engine mounts the volume itself."""
        raise invalid(f"{file.name[:100]!r} lies on a volume, which is mounted and not fetched. Leave --into out.")

    def _walk(self, below: str, device: int, depth: int = 0) -> Iterator[File]:
        with os.scandir(self._root / below) as entries:
            shown = [entry for entry in islice(entries, MOST_FILES + 1) if not entry.name.startswith(".")]
        self._seen += len(shown)
        if self._seen > MOST_FILES:
            raise invalid(f"the folder holds more than {MOST_FILES} files. Point uri at the folder of one model.")
        for entry in sorted(shown, key=lambda each: each.name):
            name = f"{below}{entry.name}"
            if not entry.is_dir(follow_symlinks=False):
                yield from _regular(entry, name, device)
            elif depth < _MOST_DEPTH:
                yield from self._walk(f"{name}/", device, depth + 1)


def _regular(entry: os.DirEntry[str], name: str, device: int) -> Iterator[File]:
    """The file, if it is one. A link may lead to another place of its volume, as in a cache of the Hub, not off it."""
    try:
        there = entry.stat()
    except OSError:
        return
    if not stat.S_ISREG(there.st_mode):
        return
    if there.st_dev != device:
        raise Stalled(REFUSED, f"{name[:100]!r} leads out of its volume. Put the file itself there.")
    yield File(name, there.st_size, str(there.st_mtime_ns))


def _unreadable() -> Stalled:
    return Stalled(
        UNAUTHORIZED, "the files may not be read by the pod's user. Correct their owner or mode, or set fsGroup."
    )
