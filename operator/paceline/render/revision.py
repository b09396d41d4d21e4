"""The ControllerRevision that keeps a revision."""

from __future__ import annotations

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import LABEL_REVISION, child_name
from paceline.api.profile import HardwareProfile
from paceline.api.revision import Revision
from paceline.engines.base import EnginePlan
from paceline.engines.effective import effective
from paceline.render.deployment import template
from paceline.render.labels import Manifest, metadata


def revision(md: ModelDeployment, profile: HardwareProfile, plan: EnginePlan) -> Revision:
    """What the spec comes to now, under this release and its configuration; not stored yet."""
    return Revision.make(child_name(md.namespace, md.name), md.spec, template(md, profile, plan), effective(plan))


def controller_revision(md: ModelDeployment, engine_type: str, kept: Revision) -> Manifest:
    """The object that keeps it. Its data never changes, its number does."""
    described = metadata(md, engine_type)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            **described,
            "name": kept.name,
            "labels": {**described["labels"], LABEL_REVISION: kept.label},
        },
        "revision": kept.number,
        "data": kept.data,
    }
