"""The pod of one replica. It passes Pod Security "restricted", and has only what the engine needs."""

from __future__ import annotations

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import child_name
from paceline.api.profile import HardwareProfile
from paceline.engines.base import EnginePlan, Probe
from paceline.render.labels import Manifest


def pod_spec(md: ModelDeployment, profile: HardwareProfile, plan: EnginePlan) -> Manifest:
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
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    if profile.node_selector:
        spec["nodeSelector"] = dict(sorted(profile.node_selector.items()))
    if profile.tolerations:
        spec["tolerations"] = [t.model_dump(by_alias=True, exclude_none=True) for t in profile.tolerations]
    return spec


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
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the emptyDir above
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
