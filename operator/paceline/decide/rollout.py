"""How a new revision replaces the old one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.revision import Revision
from paceline.decide.figures import money
from paceline.decide.observation import Children
from paceline.engines.base import EnginePlan


@dataclass(frozen=True, slots=True)
class Way:
    """A way to replace pods.

    Attributes:
        type: As a Deployment has it.
        surge: Pods more than wanted, at most.
        unavailable: Pods fewer than wanted, at most.
        words: What will happen, what it costs and how long it takes.
    """

    type: Literal["RollingUpdate", "Recreate"]
    surge: int
    unavailable: int
    words: str

    @property
    def name(self) -> str:
        """As status.effective.strategy shows it."""
        return self.type if self.type == "Recreate" else f"{self.type} +{self.surge}/-{self.unavailable}"


def way(md: ModelDeployment, plan: EnginePlan, found: Children) -> Way:
    """The way that the spec asks for, and for Auto the one that the cluster has room for.

    Free accelerators are not counted: that needs a right to read all nodes and pods, and is old when it is used. One
    more pod is tried, and where the scheduler has no place for it on a profile of capacity Fixed, an old one goes
    first; that stays so until the rollout is over, which the Deployment itself remembers.
    """
    rollout = md.spec.rollout
    if rollout.strategy == "Recreate":
        return Way("Recreate", 0, md.spec.replicas, f"All pods end before new ones start: no answers for {_time(md)}.")
    if rollout.strategy == "Auto" and rollout.max_surge and plan.capacity == "Fixed" and _full(plan, found):
        words = "The accelerators of the profile are taken, so an old pod ends before each new one starts"
        return Way("RollingUpdate", 0, 1, f"{words}: one replica fewer than wanted answers, for {_time(md)} each.")
    surge, unavailable = rollout.max_surge, rollout.max_unavailable
    cost = plan.price_per_hour * Decimal(surge)
    words = f"At most {surge} more and {unavailable} fewer than wanted ({money(cost)} {plan.currency}/h meanwhile)"
    return Way("RollingUpdate", surge, unavailable, f"{words}, {_time(md)} for each step.")


def _time(md: ModelDeployment) -> str:
    return f"at most {md.spec.lifecycle.startup_seconds} s"


def _full(plan: EnginePlan, found: Children) -> bool:
    """Whether this rollout lacks just the accelerators that an old pod has.

    A pod that no node would take anyway (its selectors, more accelerators than before) must not cost one that serves.
    The scheduler says of each node the first thing that is wrong, and looks at resources last.
    """
    deployment = found.deployment
    if deployment is None or not plan.accelerator:
        return False
    old = {pod.revision for pod in found.pods if not pod.deleting} - {deployment.revision}
    lacking = any(
        f"Insufficient {plan.accelerator}" in pod.unschedulable
        for pod in found.pods
        if pod.revision == deployment.revision and not pod.deleting
    )
    if not old or not (lacking or deployment.surge == 0):
        return False
    asked = int(dict(plan.requests)[plan.accelerator])
    return all(_accelerators(one, plan.accelerator) >= asked for one in found.revisions if one.label in old)


def _accelerators(revision: Revision, resource: str) -> int:
    requests = revision.data["effective"]["resources"].get("requests", {})
    return int(requests.get(resource, 0))
