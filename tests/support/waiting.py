"""Waiting in tests: look again until it holds, with a deadline; never a fixed sleep."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(look: Callable[[], Found], seconds: float, what: str, every: float = 0.1) -> Found:
    """Look until there is something true.

    Args:
        look: Gives something true when it holds.
        seconds: Deadline.
        what: What is waited for, for the failure.
        every: Seconds between looks.

    Raises:
        AssertionError: it did not hold in time.
    """
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        pause.wait(every)
