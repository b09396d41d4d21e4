"""All children of a ModelDeployment."""

from __future__ import annotations

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.revision import Revision
from paceline.render.deployment import deployment
from paceline.render.disruption import disruption_budget
from paceline.render.identity import service_account
from paceline.render.labels import Manifest
from paceline.render.revision import controller_revision
from paceline.render.service import service


def children(md: ModelDeployment, revision: Revision, strategy: Manifest) -> tuple[Manifest, ...]:
    """The children in the order in which they are applied: what the pods need comes before the pods.

    Args:
        md: What is asked.
        revision: In force.
        strategy: Of the Deployment.
    """
    data = revision.data
    kind = data["effective"]["type"]
    return (
        service_account(md, kind),
        service(md, kind),
        disruption_budget(md, kind),
        controller_revision(md, kind, revision),
        deployment(md, kind, data["template"], strategy),
    )
