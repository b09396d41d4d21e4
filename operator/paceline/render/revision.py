"""The ControllerRevision that keeps a revision."""

from __future__ import annotations

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import LABEL_REVISION, child_name
from paceline.api.profile import HardwareProfile
from paceline.api.revision import Revision
from paceline.engines.base import EnginePlan
from paceline.engines.effective import effective
from paceline.engines.files import Files
from paceline.render.deployment import template
from paceline.render.labels import Manifest, metadata


def revision(md: ModelDeployment, profile: HardwareProfile, plan: EnginePlan, files: Files | None = None) -> Revision:
    """What the spec comes to now, under this release and its configuration; not stored yet."""
    made = template(md, profile, plan, files)
    return Revision.make(child_name(md.namespace, md.name), md.spec, made, effective(plan), _sources(files))


def _sources(files: Files | None) -> Manifest | None:
    if files is None:
        return None
    found = {
        name: one.model_dump(mode="json", by_alias=True, exclude_none=True) for name, one in sorted(files.found.items())
    }
    return {"request": files.request, "found": found}


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
