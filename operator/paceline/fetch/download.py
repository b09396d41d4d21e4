"""One file onto a disk: from where the last attempt stopped, checked, and under its name only when it is right."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from paceline.errors import Stalled
from paceline.fetch import disk
from paceline.fetch.names import safe
from paceline.fetch.patience import Patience, Stop
from paceline.fetch.place import File, Place
from paceline.fetch.progress import Progress
from paceline.fetch.reasons import MISMATCH, Unreachable, changed

#: Added to a file's name until it is whole; no file that is fetched ends so.
PART = ".part"
#: An attempt that brought less did not get on: a source must not keep us for ever with a byte at a time.
_LEAST_PROGRESS_BYTES = 1024 * 1024
_READ_BYTES = 4 * 1024 * 1024
#: The disk is looked at after this many bytes.
_DISK_EVERY_BYTES = 256 * 1024 * 1024


class _Hash(Protocol):
    def update(self, data: Any, /) -> None: ...
    def hexdigest(self) -> str: ...


class Download:
    """Brings files of one place into one folder.

    Args:
        place: Where they come from.
        folder: Where they go.
        patience: How often each is tried.
        progress: Is told of every chunk.
    """

    def __init__(self, place: Place, folder: Path, patience: Patience, progress: Progress) -> None:
        self._place, self._folder, self._patience, self._progress = place, folder, patience, progress

    def bring(self, file: File) -> None:
        """Make sure that the file is there and right.

        Raises:
            PacelineError: of a reason in reasons.py.
        """
        target = self._folder / safe(file.name)
        if is_whole(target, file):
            self._progress.skip(file.size)
            return
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(target.name + PART)
            # A second time from the start: what a killed fetch or a crashed node left may be wrong in the middle.
            if not self._attempt(file, part) and not self._attempt(file, _emptied(part)):
                raise Stalled(
                    MISMATCH,
                    f"{file.name[:100]!r} came twice with other bytes than its {_kind(file)} says. Do not use it: "
                    "upload it again, or ask who keeps the source.",
                )
            part.rename(target)
        except FileNotFoundError:
            raise  # the folder went away below us: whoever holds it knows whether another fetch was faster
        except OSError as error:
            raise disk.translate(error) from error

    def _attempt(self, file: File, part: Path) -> bool:
        """Fetch what is missing of a file; whether its digest is right."""
        seen = file.digest.start(file.size) if file.digest else None
        if part.exists() and part.stat().st_size > file.size:
            part.unlink()
        with _opened(part) as output:
            position = _reread(output, seen, self._patience.stop)
            self._progress.skip(position)
            self._append(file, output, position, seen)
            output.flush()
            os.fsync(output.fileno())
            if not os.path.samestat(os.fstat(output.fileno()), part.stat()):
                raise Unreachable(f"{file.name[:100]!r} was put in place by another fetch. It is looked at again.")
        right = seen is None or file.digest is None or seen.hexdigest() == file.digest.hex
        if not right:
            self._progress.skip(-file.size)
        return right

    def _append(self, file: File, output: BinaryIO, position: int, seen: _Hash | None) -> None:
        patience = Patience(self._patience.stop, self._patience.unit)
        since_disk = 0
        while position < file.size:
            began = position
            try:
                for chunk in self._place.stream(file, position):
                    patience.stop.check()
                    if position + len(chunk) > file.size:
                        raise changed(f"{file.name[:100]!r} is longer than the {file.size} bytes that were announced")
                    output.write(chunk)
                    if seen is not None:
                        seen.update(chunk)
                    position += len(chunk)
                    since_disk += len(chunk)
                    if self._progress.add(len(chunk)) or since_disk >= _DISK_EVERY_BYTES:
                        disk.check_while(self._folder)
                        since_disk = 0
                if position < file.size:
                    raise Unreachable(f"{file.name[:100]!r} ended after {position} of {file.size} bytes.")
            except Unreachable as error:
                output.flush()
                if position - began >= _LEAST_PROGRESS_BYTES:
                    patience.progressed()
                patience.failed(error)


def is_whole(target: Path, file: File) -> bool:
    """Whether a file is there under its own name, which it gets only once its digest was right."""
    return target.is_file() and not target.is_symlink() and target.stat().st_size == file.size


def kept(folder: Path, file: File) -> int:
    """Bytes of a file that an earlier fetch has left, checked or not."""
    target = folder / safe(file.name)
    for path in (target, target.with_name(target.name + PART)):
        if path.is_file() and not path.is_symlink():
            return min(path.stat().st_size, file.size)
    return 0


def _opened(part: Path) -> BinaryIO:
    """The file for reading and writing, made where it is not there, never through a link and never cut short here.

    A second fetch may be writing the same bytes to it, see lock.py.
    """
    return os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644), "r+b")


def _emptied(part: Path) -> Path:
    part.unlink(missing_ok=True)
    return part


def _reread(output: BinaryIO, seen: _Hash | None, stop: Stop) -> int:
    """Read again what is there, for the digest; the place to go on from."""
    position = 0
    while chunk := output.read(_READ_BYTES):
        stop.check()
        if seen is not None:
            seen.update(chunk)
        position += len(chunk)
    return position


def _kind(file: File) -> str:
    names = {"sha256": "SHA-256", "md5": "MD5", "git-sha1": "git digest"}
    return names[file.digest.algorithm] if file.digest else "size"
