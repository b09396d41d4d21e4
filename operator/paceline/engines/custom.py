"""Any image that serves HTTP: paceline runs it as the spec says and adds nothing to its arguments."""

from __future__ import annotations

from paceline.api.engine_spec import Custom
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.engines.base import PRE_STOP_SECONDS, EnginePlan, MetricNames, probes
from paceline.engines.resources import resources
from paceline.errors import Stalled


def plan(md: ModelDeployment, profile: HardwareProfile) -> EnginePlan:
    """Run the image named by an image:// uri.

    Raises:
        Stalled: reason UnsupportedBatching, because paceline cannot tell an unknown image how to batch.
    """
    engine = md.spec.engine_or_default
    if engine.batching is not None:
        raise Stalled(
            "UnsupportedBatching",
            f"spec.engine.batching asks for {engine.batching.type}, but paceline cannot tell the image "
            f"{md.spec.model.location} how to batch. Remove it and use spec.engine.args.",
        )
    custom = engine.custom or Custom()
    requests, limits = resources(profile, md.spec.hardware.count)
    return EnginePlan(
        type="Custom",
        image=md.spec.model.location,
        command=custom.command,
        args=engine.args,
        # The root file system is read-only and the user has no entry in the image's /etc/passwd.
        env=(("HOME", "/tmp"),),  # noqa: S108 - an emptyDir of the pod
        port=custom.port,
        run_as_user=profile.run_as_user,
        probes=probes(custom.readiness_path, md.spec.lifecycle.startup_seconds),
        pre_stop_seconds=PRE_STOP_SECONDS,
        drain_seconds=md.spec.lifecycle.drain_seconds,
        metrics=MetricNames(custom.metrics.path, custom.metrics.ttft, custom.metrics.tpot) if custom.metrics else None,
        inference=custom.inference,
        served_name=md.served_name,
        task=md.spec.model.task,
        batching="Engine",
        requests=requests,
        limits=limits,
        profile=profile.name,
        price_per_hour=profile.price * md.spec.hardware.count,
        currency=profile.currency,
    )
