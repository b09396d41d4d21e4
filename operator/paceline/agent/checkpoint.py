"""How far the log was read, what has to be known of it, and what the ledger has not acknowledged yet."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from paceline.agent.counting import Tally
from paceline.agent.files import OWN, put, take
from paceline.gateway.journal import State


@dataclass(frozen=True, slots=True)
class Parcel:
    """A part of a log on its way.

    Attributes:
        log: By which the ledger knows it.
        start: In bytes.
        lines: Where each line began of which a record was made, and the record.
        complete_us: Records of everything that ended before this time are sent with it, or were before.
    """

    log: str
    start: int
    end: int
    complete_us: int
    lines: tuple[tuple[int, str], ...] = ()

    @property
    def body(self) -> bytes:
        """As the ledger takes it."""
        return b"".join(b"%d %s\n" % (place, line.encode()) for place, line in self.lines)


@dataclass(slots=True)
class Checkpoint:
    """A state from which the same records are made again, and none twice.

    The parcel stands here before it is sent: whatever a record has from elsewhere than the log is the same when it is
    sent again.

    Attributes:
        epoch: Of numbers of logs: a checkpoint that was lost is none of the logs' business.
        number: Of the log that is read.
        offset: Up to which it is read, in bytes.
        tally: Requests of the Envoy that is there.
        process: When the Envoy began of whose predecessors nothing is open any more, in seconds since 1970.
    """

    epoch: str = field(default_factory=lambda: secrets.token_hex(6))
    number: int = 1
    offset: int = 0
    process: int = 0
    tally: Tally = field(default_factory=Tally)
    state: State = field(default_factory=State)
    parcel: Parcel | None = None

    @property
    def log(self) -> str:
        """The log that is read, as the ledger knows it."""
        return f"{self.epoch}-{self.number}"


_CHECKPOINTS = TypeAdapter(Checkpoint)


class Checkpoints:
    """Where it is kept: in memory with Envoy's files, so that a full disk is in nobody's way.

    Args:
        folder: Of Envoy's files.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / OWN / "log.json"

    def load(self) -> Checkpoint | None:
        """The last one; None where there is none that can be read."""
        try:
            return _CHECKPOINTS.validate_json(take(self._path) or "")
        except ValidationError:
            return None

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep one.

        Raises:
            OSError: it cannot be written.
        """
        put(self._path, _CHECKPOINTS.dump_json(checkpoint, exclude_defaults=True).decode())
