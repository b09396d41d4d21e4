"""A plan as `status.effective` shows it."""

from __future__ import annotations

from typing import Any

from paceline.engines.base import EnginePlan, Probe


def effective(plan: EnginePlan) -> dict[str, Any]:
    """Everything that was left open in the spec, resolved; no environment values."""
    return {
        "profile": plan.profile,
        "type": plan.type,
        "image": plan.image,
        "command": list(plan.command),
        "args": list(plan.args),
        "port": plan.port,
        "runAsUser": plan.run_as_user,
        "servedName": plan.served_name,
        "task": plan.task,
        "batching": plan.batching,
        "inference": plan.inference,
        "terminationGracePeriodSeconds": plan.termination_grace_seconds,
        "probes": {
            "startup": _probe(plan.probes.startup),
            "readiness": _probe(plan.probes.readiness),
            "liveness": _probe(plan.probes.liveness),
        },
        "resources": {"requests": dict(plan.requests), "limits": dict(plan.limits)},
    }


def _probe(probe: Probe) -> dict[str, Any]:
    return {
        "path": probe.path,
        "periodSeconds": probe.period_seconds,
        "timeoutSeconds": probe.timeout_seconds,
        "failureThreshold": probe.failure_threshold,
    }
