"""Where users ask a ModelDeployment, and what they met there: what Gateways and the ledger say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Met:
    """What users of one ModelDeployment met lately, as the ledger counted it.

    Attributes:
        time: When the ledger was asked.
        eligible: Requests that count for the objective.
        good: Those of them that met it.
        ttft: Milliseconds by p50, p95 and p99; empty where no stream brought anything.
        tpot: The same, for each output token.
    """

    time: datetime
    eligible: int
    good: int
    ttft: Mapping[str, float] = field(default_factory=dict)
    tpot: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Door:
    """A Gateway whose routes lead to a ModelDeployment.

    Attributes:
        url: Base URL of the OpenAI API.
        reached: All of its pods have had its program at some time.
    """

    url: str
    reached: bool


@dataclass(frozen=True, slots=True)
class Front:
    """Where users ask, and what they met.

    Attributes:
        known: False while some Gateways were not looked at yet: what was said before is said on.
        url: Base URL of the OpenAI API of the Gateway that serves the model; "" while none does.
        met: None where nothing was asked for a while, or the ledger has not told yet.
        lost: The ledger has told nothing for so long that the last of it says nothing about now.
    """

    known: bool = True
    url: str = ""
    met: Met | None = None
    lost: bool = False


#: No Gateway serves the model.
NOWHERE = Front()


def address(doors: Iterable[Door], before: str) -> str:
    """The address that clients are told; "" where no Gateway serves the model.

    One that was told stays as long as its Gateway leads here, whatever its pods do at this instant.

    Args:
        doors: The oldest Gateway first.
        before: What was told last.
    """
    found = list(doors)
    if any(each.url == before for each in found):
        return before
    return next((each.url for each in found if each.reached), "")
