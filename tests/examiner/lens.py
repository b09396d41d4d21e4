"""What the operator's watches show: all as it is, or one event hidden, told twice, or a kind that stands still."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from paceline.api.names import LABEL_REVISION
from tests.examiner.canonical import ready
from tests.faultproxy.calls import Call

Trouble = Literal["hide", "twice", "freeze"]


@dataclass(frozen=True)
class Frame:
    """One event that a watch of the operator showed.

    Attributes:
        sort: Events of one sort are alike for a decision: kind, type, revision, and what of the state matters.
        at: Reading of CLOCK_MONOTONIC.
    """

    resource: str
    number: int
    sort: str
    at: float = 0.0


def sort_of(resource: str, frame: dict[str, Any]) -> str:
    """What a decision can read of an event, without names."""
    obj = frame["object"]
    metadata, status, spec = obj["metadata"], obj.get("status") or {}, obj.get("spec") or {}
    words = [resource, frame["type"], "deleting" if "deletionTimestamp" in metadata else ""]
    if resource == "pods":
        labels = metadata.get("labels") or {}
        words += [labels.get(LABEL_REVISION, ""), str(status.get("phase")), f"ready {ready(obj)}"]
        words += [f"placed {bool(spec.get('nodeName'))}"]
    elif resource == "endpointslices":
        pass  # nothing is decided by them
    else:
        told = [(one["type"], one["status"], one.get("reason")) for one in status.get("conditions") or ()]
        shown = [status.get(name) for name in ("replicas", "updatedReplicas", "readyReplicas", "observedGeneration")]
        words += [str(metadata.get("generation")), str(told), str(shown)]
    return " ".join(words)


@dataclass
class Lens:
    """Give it to the proxy. Counts from `begin` on; the frame whose number comes is struck.

    Attributes:
        trouble: What happens; None: nothing.
        resource: To events of this kind.
        number: The first event that it happens to, counted from 1; to freeze, also all later ones.
        seconds: How long a kind stands still, or how long at most until what was hidden is found out.
        act: Done when the trouble begins.
        seen: The events so far.
        struck: Whether it happened.
        version: A resourceVersion just before the event that is held back.
    """

    trouble: Trouble | None = None
    resource: str = ""
    number: int = 0
    seconds: float = 0.0
    act: Callable[[], None] = lambda: None
    seen: list[Frame] = field(default_factory=list)
    struck: bool = False
    version: str = ""
    _counts: Counter[str] = field(default_factory=Counter)
    _until: float = 0.0
    _active: bool = False

    def begin(self) -> None:
        """Count from now on."""
        self._active = True

    @property
    def lasts(self) -> bool:
        """Whether the operator still sees something else than what is."""
        return time.monotonic() < self._until

    async def __call__(self, call: Call, line: bytes) -> bytes:
        """What the operator gets instead of one frame."""
        frame = json.loads(line)
        if not self._active or frame["type"] not in {"ADDED", "MODIFIED", "DELETED"}:
            return line
        resource = call.resource
        self._counts[resource] += 1
        number = self._counts[resource]
        self.seen.append(Frame(resource, number, sort_of(resource, frame), time.monotonic()))
        if resource == self.resource and number == self.number and not self.struck:
            self._begin_trouble(frame)
            if self.trouble in {"hide", "twice"}:
                return b"" if self.trouble == "hide" else line * 2
        if resource == self.resource and self.trouble == "freeze" and self.lasts:
            await asyncio.sleep(self._until - time.monotonic())
        return line

    def _begin_trouble(self, frame: dict[str, Any]) -> None:
        self.struck = True
        self._until = time.monotonic() + self.seconds
        if self.trouble == "freeze":
            self.version = str(int(frame["object"]["metadata"]["resourceVersion"]) - 1)
            self.act()
