"""Which replica of a service keeps something in its memory: the same answer on each of them, without talking.

Rendezvous hashing (Thaler and Ravishankar 1998): each replica has a weight for a key, the heaviest owns it, the next
one takes over when that is gone. What no lost replica owned stays where it is, and each replica owns as much.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def order(key: str, replicas: Iterable[str]) -> list[str]:
    """The replicas by their right to a key: its owner first, then who takes over."""
    return sorted(replicas, key=lambda replica: (_weight(key, replica), replica), reverse=True)


def _weight(key: str, replica: str) -> bytes:
    return hashlib.sha256(f"{replica}\0{key}".encode()).digest()
