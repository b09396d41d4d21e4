"""What the ledger said last of who has spent its budget, and when; kept, so that a new agent knows it too."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from paceline.agent.files import OWN, put, take
from paceline.gateway.denied import Verdict
from paceline.settings import boottime


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard, and since when nothing is.

    Attributes:
        tag: Of the list, as the ledger knows it; "": none was heard yet.
        at: When the ledger answered last, in seconds since boot.
        silent: It does not answer since then.
    """

    tag: str = ""
    verdicts: tuple[Verdict, ...] = ()
    at: float = field(default_factory=boottime)
    silent: bool = False


class Verdicts:
    """The keeping.

    Args:
        folder: Of Envoy's files.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / OWN / "verdicts.json"
        self.heard = _read(take(self._path) or "") or Heard()

    def keep(self, heard: Heard) -> None:
        """Go by this from now on, whether or not it can be kept.

        Raises:
            OSError: it cannot be kept.
        """
        self.heard = heard
        put(self._path, _HEARD.dump_json(heard).decode())

    def silent_seconds(self) -> float | None:
        """For how long the ledger has not answered; None: it does."""
        return max(0.0, boottime() - self.heard.at) if self.heard.silent else None


_HEARD = TypeAdapter(Heard)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore")

    consumer: Annotated[str, Field(max_length=317, pattern=r"^[^/\s]+/[^/\s]+$")]
    reason: Literal["Budget", "Suspended"]
    budget: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9-]*$")] | None = None
    until: AwareDatetime | None = None


class _Answer(BaseModel):
    denied: list[_Entry]


def verdicts(body: bytes) -> tuple[Verdict, ...]:
    """Read the ledger's list. Of who is suspended the operator knows better.

    Raises:
        ValueError: it is none.
    """
    try:
        found = _Answer.model_validate(json.loads(body)).denied
    except ValidationError as wrong:
        raise ValueError(f"the answer is no deny list ({wrong.error_count()} errors)") from None
    except ValueError:
        raise ValueError("the answer is no deny list") from None
    budgets = (each for each in found if each.reason == "Budget")
    made = {(each.consumer, each.budget or "", _us(each)) for each in budgets}
    return tuple(Verdict(*each) for each in sorted(made, key=str))


def _us(entry: _Entry) -> int | None:
    return None if entry.until is None else round(entry.until.timestamp()) * 1_000_000


def _read(text: str) -> Heard | None:
    try:
        found = _HEARD.validate_json(text)
    except ValidationError:
        return None
    # Of an earlier boot of the machine: how long ago that was nobody knows.
    return found if found.at <= boottime() else Heard(found.tag, found.verdicts, silent=found.silent)
