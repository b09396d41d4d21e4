"""EnginePlan: one engine, fully resolved. Everything after this (rendering, probing, measuring) reads only the plan."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from paceline.api.engine_spec import EngineType, Inference
from paceline.api.model_spec import Task
from paceline.engines.key import CONFIG

#: Seconds between the removal of a pod from its Service and SIGTERM: endpoints need this long to reach every proxy.
PRE_STOP_SECONDS = 5
#: Seconds after the drain in which the process ends by itself before SIGKILL.
EXIT_SECONDS = 5
#: The same for an engine that never answered and so has nothing to drain.
UNSTARTED_SECONDS = PRE_STOP_SECONDS + EXIT_SECONDS

Capacity = Literal["Elastic", "Fixed"]
Batching = Literal["Continuous", "Dynamic", "Static", "Engine"]


@dataclass(frozen=True, slots=True)
class EngineImages:
    """Images that the operator's configuration gives for engines."""

    engine_sim: str
    vllm: str = ""
    sglang: str = ""
    llama_cpp: str = ""


@dataclass(frozen=True, slots=True)
class MetricNames:
    """Where an engine's Prometheus page is and what our figures are called there. "" where it has none.

    Attributes:
        ttft: Histogram in seconds, without _bucket.
        tpot: Histogram in seconds per token, without _bucket.
        running: Gauge of requests being computed.
        waiting: Gauge of requests that wait.
        kv_use: Gauge, 0 to 1.
    """

    path: str
    ttft: str
    tpot: str
    running: str = ""
    waiting: str = ""
    kv_use: str = ""
    prompt_tokens: str = ""
    generation_tokens: str = ""

    @property
    def wanted(self) -> frozenset[str]:
        """The sample names to pick from the page."""
        plain = {self.running, self.waiting, self.kv_use, self.prompt_tokens, self.generation_tokens}
        histograms = {f"{name}_bucket" for name in (self.ttft, self.tpot) if name}
        return frozenset((plain | histograms) - {""})


@dataclass(frozen=True, slots=True)
class Probe:
    """One HTTP GET by the kubelet.

    Attributes:
        grace_seconds: From its failure to SIGKILL; None: as whenever the pod ends.
    """

    path: str
    period_seconds: int
    timeout_seconds: int
    failure_threshold: int
    grace_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Probes:
    """The three probes of an engine."""

    startup: Probe
    readiness: Probe
    liveness: Probe


@dataclass(frozen=True, slots=True)
class Scratch:
    """An empty volume of the pod, gone with it.

    Attributes:
        name: Of the volume.
        path: Where it is mounted.
        size: Canonical quantity in memory (it counts towards the memory limit); "" on the node's disk without a limit.
    """

    name: str
    path: str
    size: str = ""


#: Every engine has one: the root file system is read-only.
TMP = Scratch("tmp", "/tmp")  # noqa: S108 - an emptyDir


@dataclass(frozen=True, slots=True)
class Program:
    """What is particular to an engine; `assemble` makes a plan of it.

    Attributes:
        readiness_path: Answers 200 when, and only when, the engine can serve.
        drains: It finishes its answers after SIGTERM by itself. One that does not gets the time before SIGTERM.
        user: User id that its image works with.
        key_file: Which file of engines.key it reads, where it asks for a key.
    """

    type: EngineType
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    port: int
    readiness_path: str
    metrics: MetricNames | None
    batching: Batching
    env: tuple[tuple[str, str], ...] = ()
    scratch: tuple[Scratch, ...] = (TMP,)
    inference: Inference = "OpenAI"
    drains: bool = True
    user: int = 65532
    key_file: str = CONFIG


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """How one replica is run.

    Attributes:
        command: Replaces the image's entry point; empty keeps it.
        env: Pairs in the order in which they are rendered; never secrets.
        pre_stop_seconds: The kubelet waits this long before SIGTERM.
        drain_seconds: The engine finishes its answers within this time after SIGTERM.
        metrics: None where the engine's figures are not read.
        inference: "OpenAI": Available means that a test request was answered; "None": it means pod readiness.
        batching: "Engine" where paceline does not choose.
        requests: Canonical quantities by resource, accelerators included.
        limits: The same.
        profile: Name of the hardware profile.
        price_per_hour: Of one replica, all of its accelerators, in `currency`.
        capacity: "Fixed" where accelerators do not come by themselves when pods wait for them.
        accelerator: Extended resource of the profile; "" for none.
        key_file: Which file of engines.key it reads; "" where it asks for no key.
    """

    type: EngineType
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    scratch: tuple[Scratch, ...]
    port: int
    run_as_user: int
    probes: Probes
    pre_stop_seconds: int
    drain_seconds: int
    metrics: MetricNames | None
    inference: Inference
    served_name: str
    task: Task
    batching: Batching
    requests: tuple[tuple[str, str], ...]
    limits: tuple[tuple[str, str], ...]
    profile: str
    price_per_hour: Decimal
    currency: str
    capacity: Capacity
    accelerator: str
    key_file: str = ""

    @property
    def termination_grace_seconds(self) -> int:
        """Time from the start of preStop to SIGKILL."""
        return self.pre_stop_seconds + self.drain_seconds + EXIT_SECONDS


def probes(path: str, startup_seconds: int) -> Probes:
    """Probes that ask `path`.

    The startup probe looks every second, so that a model is served as soon as it answers; an engine that it gives up
    has nothing to drain. Liveness is lenient (two
    minutes): engines that are full answer slowly, and killing them then makes an overload an outage.
    """
    return Probes(
        startup=Probe(
            path,
            period_seconds=1,
            timeout_seconds=1,
            failure_threshold=startup_seconds,
            grace_seconds=UNSTARTED_SECONDS,
        ),
        readiness=Probe(path, period_seconds=5, timeout_seconds=5, failure_threshold=3),
        liveness=Probe(path, period_seconds=10, timeout_seconds=10, failure_threshold=12),
    )
