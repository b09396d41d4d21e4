"""A model's folder: it is there whole, or it is not there.

<into>/<name>/                 the files, and a marker that says what they are
<into>/.<name>-<key>.partial/  the same while it is fetched; the key stands for address, file and commit
<into>/.<name>-<key>.lock      held by whoever fetches
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from paceline.api.base import Model
from paceline.api.resolved import Resolved
from paceline.api.source import Source
from paceline.errors import Stalled
from paceline.fetch import disk, lock
from paceline.fetch.download import PART, Download, kept
from paceline.fetch.patience import Patience
from paceline.fetch.place import File, Place
from paceline.fetch.progress import Progress, say
from paceline.fetch.reasons import FOLDER_TAKEN
from paceline.fetch.resolve import Found
from paceline.fetch.workers import each

MARKER = ".paceline.json"
_MOST_MARKER_BYTES = 1024 * 1024
#: More connections are hardly faster, and fewer leave a fast network idle.
_AT_ONCE = 4


class Marker(Model):
    """What a folder holds: written last, before the folder gets its name."""

    uri: str
    file: str | None
    commit: str
    sizes: dict[str, int]
    resolved: Resolved


class Delivery:
    """One source below one folder.

    Args:
        source: What is asked for.
        into: The folder that models' folders lie in.
        pace: Of the lock.
        tell: Takes lines for the person who waits.
    """

    def __init__(
        self, source: Source, into: Path, pace: lock.Pace | None = None, tell: Callable[[str], None] = say
    ) -> None:
        self._source, self._into, self._tell = source, into, tell
        self._pace = pace or lock.Pace()
        self._final = into / source.name

    def already(self, commit: str | None) -> Resolved | None:
        """What is there, where it is what is wanted.

        Args:
            commit: The one that is wanted; None: nobody knows yet, so nothing can be the right one.

        Raises:
            Stalled: reason FolderTaken, where something else is there. It is not ours to take away: an engine may be
                reading it.
        """
        marker = self._marker()
        if marker is None or commit is None:
            return None
        wanted = (self._source.uri, self._source.file, commit)
        if (marker.uri, marker.file, marker.commit) != wanted:
            raise self._taken(f"holds commit {marker.commit[:80]} where {commit[:80]} is wanted")
        for name, size in marker.sizes.items():
            path = self._final / name
            if not path.is_file() or path.stat().st_size != size:
                raise self._taken(f"says that it is whole, and {name[:100]!r} is missing or cut short")
        return marker.resolved

    def bring(self, place: Place, found: Found, patience: Patience) -> Resolved:
        """Fetch what is missing and give the folder its name.

        Raises:
            PacelineError: of a reason in reasons.py.
        """
        commit = found.resolved.commit
        key = self._key(commit)
        partial, path = (self._into / f".{self._source.name}-{key}.{kind}" for kind in ("partial", "lock"))
        try:
            self._into.mkdir(parents=True, exist_ok=True)
            with lock.held(
                path, patience.stop, time.monotonic, lambda: self.already(commit) is not None, self._pace
            ) as ours:
                if ours and self.already(commit) is None:
                    self._fill(partial, place, found, patience)
                    self._name(partial, commit)
        except OSError as error:
            # Another fetch that took over a lock may have put everything in place, which looks like a lost folder.
            if self.already(commit) is None:
                raise disk.translate(error) from error
        return found.resolved

    def _fill(self, partial: Path, place: Place, found: Found, patience: Patience) -> None:
        partial.mkdir(exist_ok=True)
        if partial.is_symlink():
            raise self._taken("has a link beside it where its files are to be gathered")
        files = found.needed.files
        total = sum(file.size for file in files)
        disk.check_before(self._into, total - sum(kept(partial, file) for file in files))
        progress = Progress(self._source.name, total, self._tell)
        download = Download(place, partial, patience, progress)
        each(download.bring, files, _AT_ONCE, patience.stop)
        for file in files:
            (partial / (file.name + PART)).unlink(missing_ok=True)
        _write_marker(partial, self._source, found.resolved, files)
        progress.end()

    def _name(self, partial: Path, commit: str) -> None:
        """Make the folder whole in one step; another fetch may have been faster."""
        try:
            partial.rename(self._final)
        except OSError:
            if self.already(commit) is None:
                raise
            shutil.rmtree(partial, ignore_errors=True)
        _sync(self._into)

    def _marker(self) -> Marker | None:
        try:
            with (self._final / MARKER).open("rb") as file:
                return Marker.model_validate_json(file.read(_MOST_MARKER_BYTES))
        except FileNotFoundError:
            if self._final.is_dir() and any(self._final.iterdir()):
                raise self._taken("holds files that were not fetched by paceline") from None
            return None
        except ValidationError as error:
            raise self._taken("holds files of another version of paceline") from error
        except OSError as error:
            raise disk.translate(error) from error

    def _taken(self, why: str) -> Stalled:
        return Stalled(
            FOLDER_TAKEN,
            f"folder {self._source.name} {why}. Give each revision a folder of its own, or delete this one while no "
            "engine reads it.",
        )

    def _key(self, commit: str) -> str:
        text = "\0".join((self._source.uri, self._source.file or "", commit))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write_marker(partial: Path, source: Source, resolved: Resolved, files: tuple[File, ...]) -> None:
    sizes = {file.name: file.size for file in files}
    marker = Marker(uri=source.uri, file=source.file, commit=resolved.commit, sizes=sizes, resolved=resolved)
    written = partial / f"{MARKER}.{os.getpid()}"
    with written.open("w", encoding="utf-8") as file:
        file.write(marker.model_dump_json(by_alias=True))
        file.flush()
        os.fsync(file.fileno())
    written.rename(partial / MARKER)
    _sync(partial)


def _sync(folder: Path) -> None:
    """Let names survive a crash of the node, where the file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
