"""Labels and owner of every child."""

from __future__ import annotations

from typing import Any

from paceline.api import names
from paceline.api.kind import API_VERSION
from paceline.api.modeldeployment import KIND, ModelDeployment

Manifest = dict[str, Any]


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
    """Metadata of a child: its name, its labels, and its owner, with whom the garbage collector removes it."""
    return {
        "name": names.child_name(md.namespace, md.name),
        "namespace": md.namespace,
        "labels": labels(md, engine_type),
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": md.name,
                "uid": md.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
