"""One digest for everything that is compared: sha256 over canonical JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(obj: Any) -> str:
    """Digest of a JSON-able value; equal for equal values whatever the order of their keys.

    Returns:
        "sha256:" and 64 hex digits.
    """
    text = json.dumps(obj, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def short(obj: Any) -> str:
    """The first 8 hex digits of the digest, for names and labels."""
    return digest(obj).removeprefix("sha256:")[:8]
