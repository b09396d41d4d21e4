"""Labels and owner of every child."""

from __future__ import annotations

from typing import Any

from paceline.api import names
from paceline.api.kind import API_VERSION, Object
from paceline.api.modeldeployment import KIND, ModelDeployment

Manifest = dict[str, Any]


def owned(owner: Object, kind: str, name: str, marks: dict[str, str]) -> Manifest:
    """Metadata of a child: its name, its labels, and its owner, with whom the garbage collector removes it.

    Args:
        owner: In whose namespace the child is.
        kind: Of the owner.
        name: Of the child.
        marks: Its labels.
    """
    reference = {
        "apiVersion": API_VERSION,
        "kind": kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {"name": name, "namespace": owner.namespace, "labels": marks, "ownerReferences": [reference]}


def labels(md: ModelDeployment, engine_type: str) -> dict[str, str]:
    """Labels of every child and pod of this ModelDeployment."""
    return {
        "app.kubernetes.io/name": engine_type.lower(),
        "app.kubernetes.io/instance": md.name,
        "app.kubernetes.io/component": names.ENGINE_ROLE,
        "app.kubernetes.io/part-of": "paceline",
        "app.kubernetes.io/managed-by": "paceline",
        names.LABEL_OWNER: md.name,
    }


def metadata(md: ModelDeployment, engine_type: str) -> Manifest:
    """Metadata of a child of a ModelDeployment."""
    return owned(md, KIND, names.child_name(md.namespace, md.name), labels(md, engine_type))
