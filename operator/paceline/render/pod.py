"""The pod of one replica. It passes Pod Security "restricted", and has only what the engine needs."""

from __future__ import annotations

from paceline.api.affinity import Affinity
from paceline.api.digest import short
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import child_name
from paceline.api.profile import HardwareProfile
from paceline.api.revision import CONTAINED
from paceline.engines.assemble import CACHE
from paceline.engines.base import EnginePlan, Probe, Scratch
from paceline.engines.files import Files
from paceline.render import fetch
from paceline.render.key import add_key
from paceline.render.labels import Manifest


def pod_spec(md: ModelDeployment, profile: HardwareProfile, plan: EnginePlan, files: Files | None = None) -> Manifest:
    """Spec of the pod template.

    No Service variables: an engine reads VLLM_PORT and the like as its own settings, and a Service may have such a
    name. No token: an engine has nothing to ask the API server.
    """
    spec: Manifest = {
        "serviceAccountName": child_name(md.namespace, md.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": plan.termination_grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": plan.run_as_user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(plan)],
        "volumes": [{"name": one.name, "emptyDir": _empty(one)} for one in plan.scratch],
    }
    if files:
        _add_files(spec, md, plan, files)
    if plan.key_file:
        add_key(spec, md, plan)
    if plan.key_file or any("persistentVolumeClaim" in volume for volume in spec["volumes"]):
        spec["securityContext"] |= {"fsGroup": plan.run_as_user, "fsGroupChangePolicy": "OnRootMismatch"}
    template = md.spec.template
    tolerations = (*profile.tolerations, *template.tolerations)
    optional: Manifest = {
        "nodeSelector": dict(sorted({**profile.node_selector, **template.node_selector}.items())),
        "tolerations": [toleration.model_dump(by_alias=True, exclude_none=True) for toleration in tolerations],
        "affinity": _affinity(template.affinity),
        "priorityClassName": template.priority_class_name,
        "imagePullSecrets": [{"name": secret.name} for secret in template.image_pull_secrets],
    }
    return spec | {key: value for key, value in optional.items() if value}


def _add_files(spec: Manifest, md: ModelDeployment, plan: EnginePlan, files: Files) -> None:
    """What a pod needs to serve files: who brings them, where they lie, where compiled code is kept beside them."""
    spec["volumes"] += fetch.pod_volumes(md, files.pinned)
    mounts = spec["containers"][0]["volumeMounts"]
    mounts += fetch.engine_mounts(md, files.pinned)
    if brought := fetch.fetching(md, files):
        spec["initContainers"] = brought
    if md.spec.model.cache and md.spec.model.cache.shared_volume:
        _keep_cache(spec, short([plan.type, plan.image]))


def _keep_cache(spec: Manifest, engine: str) -> None:
    """Compiled code on the shared volume instead of an empty one: the next pod does not compile it again."""
    spec["volumes"] = [volume for volume in spec["volumes"] if volume["name"] != CACHE.name]
    for mount in spec["containers"][0]["volumeMounts"]:
        if mount["name"] == CACHE.name:
            mount |= {"name": "models", "subPath": f"paceline/cache/{engine}"}


def _empty(scratch: Scratch) -> Manifest:
    return {"medium": "Memory", "sizeLimit": scratch.size} if scratch.size else {}


def _affinity(affinity: Affinity | None) -> Manifest:
    return affinity.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True) if affinity else {}


def _container(plan: EnginePlan) -> Manifest:
    container: Manifest = {
        "name": "engine",
        "image": plan.image,
        "ports": [{"name": "http", "containerPort": plan.port, "protocol": "TCP"}],
        "startupProbe": _probe(plan.probes.startup),
        "readinessProbe": _probe(plan.probes.readiness),
        "livenessProbe": _probe(plan.probes.liveness),
        # Requests still arrive until every proxy has heard that this pod goes; only then SIGTERM starts the drain.
        "lifecycle": {"preStop": {"sleep": {"seconds": plan.pre_stop_seconds}}},
        # The last words of a process that ended badly become the condition's message.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": CONTAINED,
        "volumeMounts": [{"name": one.name, "mountPath": one.path} for one in plan.scratch],
    }
    resources = {
        kind: dict(values) for kind, values in (("requests", plan.requests), ("limits", plan.limits)) if values
    }
    optional = {
        "command": list(plan.command),
        "args": list(plan.args),
        "env": [{"name": name, "value": value} for name, value in plan.env],
        "resources": resources,
    }
    return container | {key: value for key, value in optional.items() if value}


def _probe(probe: Probe) -> Manifest:
    rendered: Manifest = {
        "httpGet": {"path": probe.path, "port": "http", "scheme": "HTTP"},
        "periodSeconds": probe.period_seconds,
        "timeoutSeconds": probe.timeout_seconds,
        "failureThreshold": probe.failure_threshold,
    }
    if probe.grace_seconds is not None:
        rendered["terminationGracePeriodSeconds"] = probe.grace_seconds
    return rendered
