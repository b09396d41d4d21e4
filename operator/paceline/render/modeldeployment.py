"""All children of a ModelDeployment."""

from __future__ import annotations

from collections.abc import Iterable

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import LABEL_REVISION
from paceline.api.profile import HardwareProfile
from paceline.engines.base import EnginePlan
from paceline.render.deployment import deployment
from paceline.render.disruption import disruption_budget
from paceline.render.identity import service_account
from paceline.render.labels import Manifest
from paceline.render.service import service


def children(md: ModelDeployment, profile: HardwareProfile, plan: EnginePlan) -> tuple[Manifest, ...]:
    """The children in the order in which they are applied: what the pods need comes before the pods."""
    return (
        service_account(md, plan.type),
        service(md, plan.type),
        disruption_budget(md, plan.type),
        deployment(md, profile, plan),
    )


def revision_of(manifests: Iterable[Manifest]) -> str:
    """The label paceline.dev/revision of the Deployment among these children."""
    templates = (m["spec"]["template"] for m in manifests if m["kind"] == "Deployment")
    return next((str(template["metadata"]["labels"][LABEL_REVISION]) for template in templates), "")
