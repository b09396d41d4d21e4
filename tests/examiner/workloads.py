"""What users do with a model or with a Gateway, step by step; each step is waited for before the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.examiner.door import Door
from tests.examiner.tenant import Tenant


@dataclass(frozen=True)
class Step:
    """Something that is done, and what must come of it.

    Attributes:
        act: What is done with the Tenant or, where a Gateway is examined, the Door.
        ends: What comes of it, for the failure.
    """

    act: Callable[[Any], None]
    comes: Callable[[Any], bool]
    ends: str = "the spec is carried out"


@dataclass(frozen=True)
class Workload:
    """A workload.

    Attributes:
        before: What leads to its beginning; no plan disturbs it, for it is the workload `create`.
        steps: What is examined.
        door: With a Gateway and a Consumer.
    """

    name: str
    before: tuple[Step, ...]
    steps: tuple[Step, ...]
    door: bool = False


def wants(**spec: object) -> Step:
    """Ask for a spec, until it is carried out."""
    return Step(lambda model: model.want(**spec), Tenant.served)


def _again(model: Tenant) -> None:
    model.delete()
    model.want()


_CREATED = (wants(),)
_STUCK = {"hardware": {"profile": "nowhere"}, "args": ("--other",)}

_ALL = (
    Workload("create", (), _CREATED),
    Workload("roll", _CREATED, (wants(image="2", args=("--more",)),)),
    # No node fits the new pods, so the rollout stands with one of them waiting: the same moment in each run.
    Workload(
        "revert",
        _CREATED,
        (Step(lambda model: model.want(**_STUCK), Tenant.stuck, "a new pod waits for a node"), wants()),
    ),
    Workload("scale", _CREATED, (wants(replicas=4), wants(replicas=1))),
    Workload("delete", _CREATED, (Step(Tenant.delete, Tenant.empty, "nothing is left"),)),
    Workload("recreate", _CREATED, (Step(_again, Tenant.served),)),
)
WORKLOADS = {each.name: each for each in _ALL}


def opens(act: Callable[[Door], None]) -> Step:
    """Ask something of a Gateway or its Consumer, until it is carried out."""
    return Step(act, Door.served)


_OPENED = (opens(Door.open),)
_DOORS = (
    Workload("door-create", (), _OPENED, door=True),
    Workload("door-route", _OPENED, (opens(lambda door: door.want(("bot", "helper"))),), door=True),
    Workload(
        "door-rotate",
        (opens(lambda door: door.open("k1")),),
        (opens(lambda door: door.let_in("k1", "k2")), opens(lambda door: door.let_in("k2"))),
        door=True,
    ),
    Workload("door-suspend", _OPENED, (opens(lambda door: door.let_in(suspended=True)),), door=True),
    Workload("door-delete", _OPENED, (Step(Door.close, Door.gone, "nothing is left"),), door=True),
    Workload("door-recreate", _OPENED, (opens(Door.anew),), door=True),
)
DOORS = {each.name: each for each in _DOORS}
EVERY = WORKLOADS | DOORS
