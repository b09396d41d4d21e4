"""What really happened, one JSON line per request: the yardstick for everything that measures from outside."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, Any


class TruthLog:
    """Append-only JSONL file. Lines are whole even after SIGKILL; they are not forced to the disk."""

    def __init__(self, path: Path | None) -> None:
        self._file: IO[bytes] | None = None
        if path is not None:
            self._file = path.open("ab", buffering=0)

    def append(self, record: dict[str, Any]) -> None:
        """Append one record; a full disk is reported once and never stops the server."""
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        except OSError as error:
            sys.stderr.write(f"truth log stopped: {error}\n")
            self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
