"""Envoy's own log: its words about files that it does not take are nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

FILE = "envoy.log"
_LONGEST = 1000
_ROTATE_BYTES = 1 << 20
_BEGIN = re.compile(r"^\[\d{4}-\d\d-\d\d ")
_VERDICT = re.compile(r"Filesystem config update (?:rejected|failure): (.*)", re.DOTALL)


class Words:
    """Reads on in the log.

    Args:
        folder: Of Envoy's logs.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._old = folder / f"{FILE}.old"

    def mark(self) -> int:
        """Where it ends now, in bytes."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def since(self, mark: int) -> str:
        """What Envoy says after a mark against a file; "" for nothing (yet)."""
        return said(self.read(mark)[1])

    def read(self, mark: int) -> tuple[int, str]:
        """What stands behind a mark, and where that ends; from the beginning where the log is a new one."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(mark if mark <= size else 0)
                text = file.read(_ROTATE_BYTES)
                return file.tell(), text.decode(errors="replace")
        except OSError:
            return 0, ""

    def exchange(self) -> bool:
        """Put a long log aside; True where Envoy has to open it anew then.

        Raises:
            OSError: it cannot be put aside.
        """
        if self.mark() < _ROTATE_BYTES:
            return False
        self._path.replace(self._old)
        return True


def said(text: str) -> str:
    """The last verdict against a file in some lines of the log, in one line."""
    entries: list[str] = []
    for line in text.splitlines():
        if _BEGIN.match(line) or not entries:
            entries.append(line)
        else:
            entries[-1] += f" {line}"
    found = [match[1] for each in entries if (match := _VERDICT.search(each))]
    return " ".join(found[-1].split())[:_LONGEST] if found else ""
