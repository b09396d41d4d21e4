"""What answers must be like, as the agent wrote it beside Envoy's files."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

_DIGEST = re.compile(r"[0-9a-f]{32}")
_KEPT = 256


@dataclass(frozen=True, slots=True)
class Check:
    """As of gateway.ir."""

    schema: str
    again: bool


class Checks:
    """Those of a folder, each read once: its name is the digest of what is in it.

    Args:
        folder: Of Envoy's files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "checks"
        self._known: OrderedDict[str, Check] = OrderedDict()

    def find(self, digest: str) -> Check | None:
        """That of a digest; None where there is none."""
        if digest in self._known:
            self._known.move_to_end(digest)
            return self._known[digest]
        if not _DIGEST.fullmatch(digest):
            return None
        try:
            document = json.loads((self._folder / f"{digest}.json").read_text(encoding="utf-8"))
            found = Check(str(document["schema"]), document["again"] is True)
        except (OSError, ValueError, KeyError):
            return None
        self._known[digest] = found
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return found
