"""What is remembered about a cluster between two commands."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from ipaddress import IPv4Network
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from paceline.local import locks
from paceline.local.errors import LocalError
from paceline.local.paths import NAME, RUN_ROOT, Folders, state_root


class Options(BaseModel):
    """What the user asked for.

    Attributes:
        gpus: Pretended GPUs on the node and on each fake node; 0 for none.
        fake_nodes: Number of kwok nodes.
        audit: Write the API server's audit log.
    """

    model_config = ConfigDict(frozen=True)

    gpus: int = Field(default=8, ge=0, le=64)
    fake_nodes: int = Field(default=0, ge=0, le=5000)
    audit: bool = False


class Record(BaseModel):
    """The state file of one cluster.

    Attributes:
        block: Its /16.
        options: As of the last `up`.
    """

    block: IPv4Network
    options: Options

    @classmethod
    def load(cls, folders: Folders) -> Record | None:
        """The record, or None where there is none that can be read (a half-written one is none)."""
        try:
            return cls.model_validate_json((folders.state / "cluster.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def save(self, folders: Folders) -> None:
        """Replace the state file in one step."""
        folders.state.mkdir(parents=True, exist_ok=True)
        new = folders.state / "cluster.json.new"
        new.write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n")
        new.replace(folders.state / "cluster.json")


def known() -> dict[str, Record]:
    """All clusters of this user that have a record, by name."""
    found = {}
    for path in sorted(state_root().glob("*/cluster.json")):
        record = Record.load(Folders.of(path.parent.name))
        if record is not None:
            found[path.parent.name] = record
    return found


def named() -> list[str]:
    """Names of all clusters of this user, those included of which only remains are left."""
    remains = [path.parent for path in RUN_ROOT.glob("*/owner") if Path(path.read_text()).parent == state_root()]
    folders = [*(path for path in state_root().glob("*") if path.is_dir()), *remains]
    return sorted({path.name for path in folders if NAME.fullmatch(path.name)})


def claim(folders: Folders) -> None:
    """Make the run folder this state folder's, so that no other cluster of the same name is taken for it.

    Raises:
        LocalError: a cluster of that name belongs to another state folder.
    """
    owner = folders.run / "owner"
    if owner.exists() and (other := owner.read_text()) != str(folders.state) and Path(other).exists():
        raise LocalError(
            f"A cluster called {folders.name} is there already; its state is in {other}.",
            "Choose another name, or set XDG_STATE_HOME to that one's.",
        )
    folders.run.mkdir(parents=True, exist_ok=True)
    owner.write_text(str(folders.state))


def lock(name: str) -> AbstractContextManager[None]:
    """Hold the lock of that cluster."""
    return locks.held(state_root() / f".{name}.lock", f"changing the local cluster {name}")


def lock_all() -> AbstractContextManager[None]:
    """Hold the lock of what all clusters share. No cluster's name begins with a dot."""
    return locks.held(state_root() / "..lock", "changing local clusters")
