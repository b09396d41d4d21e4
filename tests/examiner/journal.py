"""What the operator itself asked for: its writes, whether each changed anything, and what it looked at before them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from tests.faultproxy.calls import Call, writes


@dataclass(frozen=True)
class Write:
    """One write of the operator that the API server answered.

    Attributes:
        what: `verb.resource`, with `/subresource` where there is one: how plans name calls.
        effective: It changed the object, or made or removed it.
        guarded: A delete that names the uid of what it means; true for all other writes.
        at: Reading of CLOCK_MONOTONIC of its coming.
    """

    what: str
    status: int
    effective: bool
    guarded: bool = True
    at: float = 0.0


def name_of(call: Call) -> str:
    """How plans name a call."""
    return f"{call.verb}.{call.resource}{'/' + call.subresource if call.subresource else ''}"


def read(call: Call, sent: bytes, came: bytes) -> Write:
    """A write from its bytes. An apply that changes nothing gives the resourceVersion back that it was sent."""
    asked, answer = _parsed(sent), _parsed(came)
    good = call.status < 300
    known = (asked.get("metadata") or {}).get("resourceVersion")
    changed = known is None or (answer.get("metadata") or {}).get("resourceVersion") != known
    preconditions = asked.get("preconditions") or {}
    return Write(
        what=name_of(call),
        status=call.status,
        effective=good and (call.verb != "patch" or changed),
        guarded=call.verb != "delete" or bool(preconditions.get("uid")),
        at=call.at,
    )


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


@dataclass
class Journal:
    """The writes of a run; give `take` to the proxy as its witness.

    Attributes:
        looks: Names of the single objects that were read, as plans name calls.
        since: What came before belongs to the way to the workload's beginning.
    """

    since: float = 0.0
    writes: list[Write] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)

    def take(self, call: Call, sent: bytes, came: bytes) -> None:
        """Note a call if it is a write of ours, or a look at an object."""
        if call.at < self.since or call.resource == "tokenreviews":  # of agents, who ask when they like
            return
        if writes(call):
            self.writes.append(read(call, sent, came))
        elif call.verb == "get" and call.name and call.resource != "leases":
            self.looks.append(name_of(call))

    def begin(self) -> None:
        """Forget what was, and keep what comes from now on."""
        self.since = time.monotonic()
        self.writes, self.looks = [], []
