"""Any image that serves HTTP: paceline runs it as the spec says and adds nothing to its arguments."""

from __future__ import annotations

from paceline.api.engine_spec import Custom
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.engines.assemble import assemble
from paceline.engines.base import TMP, EnginePlan, MetricNames, Program
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
    program = Program(
        type="Custom",
        image=md.spec.model.location,
        command=custom.command,
        args=engine.args,
        # The root file system is read-only and the user has no entry in the image's /etc/passwd.
        env=(("HOME", TMP.path),),
        port=custom.port,
        readiness_path=custom.readiness_path,
        metrics=MetricNames(custom.metrics.path, custom.metrics.ttft, custom.metrics.tpot) if custom.metrics else None,
        inference=custom.inference,
        batching="Engine",
    )
    return assemble(md, profile, program)
