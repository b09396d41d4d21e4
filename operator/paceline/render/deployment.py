"""The Deployment that keeps the engines running, and the template of their pods."""

from __future__ import annotations

from paceline.api.digest import short
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import LABEL_REVISION, selector_labels
from paceline.api.profile import HardwareProfile
from paceline.engines.base import EnginePlan
from paceline.engines.files import Files
from paceline.render.labels import Manifest, labels, metadata
from paceline.render.pod import pod_spec


def rolling(surge: int, unavailable: int) -> Manifest:
    """Pods are replaced step by step."""
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def recreate() -> Manifest:
    """All pods end before the first new one starts."""
    return {"type": "Recreate"}


def template(md: ModelDeployment, profile: HardwareProfile, plan: EnginePlan, files: Files | None = None) -> Manifest:
    """The template of the pods.

    The label paceline.dev/revision is the digest of the template, so a pod says by itself which one it runs.
    """
    given = md.spec.template
    described: Manifest = {"labels": {**given.labels, **labels(md, plan.type)}}
    if given.annotations:
        described["annotations"] = dict(given.annotations)
    made: Manifest = {"metadata": described, "spec": pod_spec(md, profile, plan, files)}
    made["metadata"]["labels"][LABEL_REVISION] = short(made)
    return made


def deployment(md: ModelDeployment, engine_type: str, pods: Manifest, strategy: Manifest) -> Manifest:
    """The Deployment of these pods.

    Args:
        md: What is asked.
        engine_type: Kind of engine.
        pods: The template.
        strategy: How one template replaces another.
    """
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(md, engine_type),
        "spec": {
            "replicas": md.spec.replicas,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": md.spec.rollout.progress_deadline_seconds,
            "selector": {"matchLabels": selector_labels(md.name)},
            "strategy": strategy,
            "template": pods,
        },
    }


def midway(manifest: Manifest, pods: Manifest, strategy: Manifest, replicas: int, *, paused: bool) -> Manifest:
    """The Deployment on its way there: with other pods, another number of them, or with no rollout for a moment.

    Args:
        manifest: As it is to be in the end.
        pods: The template until then.
        strategy: Until then: one that is paused is scaled at once to what a smaller surge allows.
        replicas: Until then.
        paused: Nothing is rolled out.
    """
    spec = {**manifest["spec"], "replicas": replicas, "template": pods, "strategy": strategy}
    return {**manifest, "spec": {**spec, "paused": True} if paused else spec}
