"""Files that are exchanged by renaming, so that nobody ever reads the half of one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

#: Keys of consumers are in some of them.
_MODE = 0o600


def put(path: Path, text: str) -> None:
    """Write a file whole, or not at all.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)
    new.replace(path)


def take(path: Path) -> str | None:
    """The text of a file; None where there is none, or it is none of ours."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogatepass")
    except (OSError, UnicodeDecodeError):
        return None


class Folder:
    """Envoy's files.

    Args:
        path: Where they are. What begins with a dot, and the agent's own folder, is none of them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def present(self) -> dict[str, str]:
        """Those that are there, by place."""
        found = (each for each in self.path.rglob("*") if each.is_file())
        places = {str(each.relative_to(self.path)): each for each in found}
        kept = {place: take(each) for place, each in places.items() if not _foreign(place)}
        return {place: text for place, text in kept.items() if text is not None}

    def write(self, texts: Mapping[str, str]) -> None:
        """Exchange some.

        Raises:
            OSError: one cannot be written.
        """
        for place, text in texts.items():
            put(self.path / place, text)

    def remove(self, places: Iterable[str]) -> None:
        """Take some away."""
        for place in places:
            (self.path / place).unlink(missing_ok=True)


OWN = "agent"


def _foreign(place: str) -> bool:
    return place.startswith(f"{OWN}/") or any(part.startswith(".") for part in place.split("/"))
