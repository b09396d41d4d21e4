"""Names of files as a source gives them, which may be anything."""

from __future__ import annotations

from pathlib import PurePosixPath

from paceline.errors import Stalled

_MOST = 255


def safe(name: str) -> PurePosixPath:
    """A relative path below the folder that files go to.

    Raises:
        Stalled: reason SourceRefused, for a name that leads out of it or that no file system takes.
    """
    parts = name.split("/")
    wrong = (
        not name
        or not name.isprintable()
        or "\\" in name
        or any(not part or part in {".", ".."} or len(part.encode()) > _MOST for part in parts)
    )
    if wrong:
        raise Stalled(
            "SourceRefused",
            f"the source names a file {name[:100]!r}, which cannot lie below the model's folder. Use another source.",
        )
    return PurePosixPath(*parts)
