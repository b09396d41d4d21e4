"""What users do with a model, step by step; each step is waited for before the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.examiner.tenant import Tenant


@dataclass(frozen=True)
class Step:
    """Something that is done, and what must come of it.

    Attributes:
        ends: What comes of it, for the failure.
    """

    act: Callable[[Tenant], None]
    comes: Callable[[Tenant], bool]
    ends: str = "the spec is carried out"


@dataclass(frozen=True)
class Workload:
    """A workload.

    Attributes:
        before: What leads to its beginning; no plan disturbs it, for it is the workload `create`.
        steps: What is examined.
    """

    name: str
    before: tuple[Step, ...]
    steps: tuple[Step, ...]


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
