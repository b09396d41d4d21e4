"""From an engine's particulars to its plan: what spec and profile say of every engine alike."""

from __future__ import annotations

from collections.abc import Collection

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.engines.base import PRE_STOP_SECONDS, TMP, Batching, EnginePlan, Program, Scratch, probes
from paceline.engines.files import adapter_path
from paceline.engines.parallel import Shares
from paceline.engines.resources import resources
from paceline.errors import Stalled

#: Compiled kernels and graphs; on the shared volume where there is one.
CACHE = Scratch("cache", "/cache")
#: What PyTorch, Triton and the Hub's client would else write into a home that the image's user has not, or download.
COMPILING = (
    ("HF_HUB_OFFLINE", "1"),
    ("HOME", TMP.path),
    ("TORCHINDUCTOR_CACHE_DIR", f"{CACHE.path}/inductor"),
    ("TRITON_CACHE_DIR", f"{CACHE.path}/triton"),
    ("XDG_CACHE_HOME", CACHE.path),
)


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
        run_as_user=profile.run_as_user or program.user,
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
        key_file=program.key_file if md.spec.locked else "",
    )


def continuous(md: ModelDeployment) -> Batching:
    """Batching of an engine that can only do it continuously.

    Raises:
        Stalled: reason UnsupportedBatching, where the spec asks for another kind.
    """
    batching = md.spec.engine_or_default.batching
    if batching is not None and batching.type != "Continuous":
        raise Stalled(
            "UnsupportedBatching",
            f"spec.engine.batching.type is {batching.type}, but the engine of {md.spec.model.uri} has Continuous only. "
            "Remove spec.engine.batching.",
        )
    return "Continuous"


def accelerated(shares: Shares) -> tuple[Scratch, ...]:
    """Empty volumes of an engine that compiles kernels and spans accelerators.

    NCCL talks through shared memory; the 64 MiB of a container are too little even for two ranks.
    """
    shm = Scratch("shm", "/dev/shm", size=f"{2 * shares.tensor}Gi")  # noqa: S108 - a tmpfs
    return (TMP, CACHE, shm)


def shared_flags(shares: Shares, *names: str) -> tuple[str, ...]:
    """`--name=size` for the sizes of tensor, pipeline and data that are not 1.

    Args:
        shares: How the accelerators share the model.
        names: The engine's flags for the three, in that order.
    """
    sizes = zip(names, (shares.tensor, shares.pipeline, shares.data), strict=True)
    return tuple(f"{flag}={size}" for flag, size in sizes if size > 1)


def adapter_flags(md: ModelDeployment, *flags: str) -> tuple[str, ...]:
    """`flags` and then `name=folder` for each adapter; nothing without adapters.

    Raises:
        Stalled: reason InvalidSpec, where an adapter has the model's own name; one of the two could not be asked for.
    """
    adapters = md.spec.adapters
    if any(one.name == md.served_name for one in adapters):
        raise Stalled(
            "InvalidSpec",
            f'spec.adapters has an entry with name "{md.served_name}", by which the model itself is asked for. Give '
            "the adapter another name, or set spec.model.servedName.",
        )
    return (*flags, *(f"{one.name}={adapter_path(one.name)}" for one in adapters)) if adapters else ()


def refuse_owned(args: Collection[str], owned: Collection[str]) -> None:
    """Refuse arguments that set what another field sets; the second value would silently win.

    vLLM reads `--api_key` as `--api-key`.

    Raises:
        Stalled: reason InvalidSpec, naming them.
    """
    names = (arg.partition("=")[0] for arg in args)
    taken = sorted({name.replace("_", "-") if name.startswith("--") else name for name in names} & set(owned))
    if taken:
        raise Stalled(
            "InvalidSpec",
            f"spec.engine.args sets {', '.join(taken)}, which paceline sets from other fields of the spec. "
            "Remove it from args and set the field.",
        )
