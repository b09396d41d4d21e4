"""From an engine's particulars to its plan: what spec and profile say of every engine alike."""

from __future__ import annotations

from collections.abc import Collection

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.engines.base import PRE_STOP_SECONDS, EnginePlan, Program, probes
from paceline.engines.resources import resources
from paceline.errors import Stalled


def assemble(md: ModelDeployment, profile: HardwareProfile, program: Program) -> EnginePlan:
    """The plan of a program on that hardware.

    Raises:
        Stalled: reason InvalidSpec, when accelerators are counted on a profile that has none.
    """
    requests, limits = resources(profile, md.spec.hardware.count)
    drain = md.spec.lifecycle.drain_seconds
    return EnginePlan(
        type=program.type,
        image=program.image,
        command=program.command,
        args=program.args,
        env=program.env,
        scratch=program.scratch,
        port=program.port,
        run_as_user=profile.run_as_user,
        probes=probes(program.readiness_path, md.spec.lifecycle.startup_seconds),
        pre_stop_seconds=PRE_STOP_SECONDS if program.drains else PRE_STOP_SECONDS + drain,
        drain_seconds=drain if program.drains else 0,
        metrics=program.metrics,
        inference=program.inference,
        served_name=md.served_name,
        task=md.spec.model.task,
        batching=program.batching,
        requests=requests,
        limits=limits,
        profile=profile.name,
        price_per_hour=profile.price * md.spec.hardware.count,
        currency=profile.currency,
        capacity=profile.capacity,
        accelerator=profile.accelerator_resource,
    )


def refuse_owned(args: Collection[str], owned: Collection[str]) -> None:
    """Refuse arguments that set what another field sets; the second value would silently win.

    Raises:
        Stalled: reason InvalidSpec, naming them.
    """
    taken = sorted({arg.partition("=")[0] for arg in args} & set(owned))
    if taken:
        raise Stalled(
            "InvalidSpec",
            f"spec.engine.args sets {', '.join(taken)}, which paceline sets from other fields of the spec. "
            "Remove it from args and set the field.",
        )
