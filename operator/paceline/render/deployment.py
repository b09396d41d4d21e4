"""The Deployment that keeps the engines running."""

from __future__ import annotations

from paceline.api.digest import short
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import LABEL_REVISION, selector_labels
from paceline.api.profile import HardwareProfile
from paceline.engines.base import EnginePlan
from paceline.render.labels import Manifest, labels, metadata
from paceline.render.pod import pod_spec


def deployment(md: ModelDeployment, profile: HardwareProfile, plan: EnginePlan) -> Manifest:
    """One replica more is started, and an old one stops when the new one is ready: users notice nothing.

    The label paceline.dev/revision is the digest of the template, so a pod says by itself which one it runs.
    """
    template = {"metadata": {"labels": labels(md, plan.type)}, "spec": pod_spec(md, profile, plan)}
    template["metadata"]["labels"][LABEL_REVISION] = short(template)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(md, plan.type),
        "spec": {
            "replicas": md.spec.replicas,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": md.spec.rollout.progress_deadline_seconds,
            "selector": {"matchLabels": selector_labels(md.name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": template,
        },
    }
