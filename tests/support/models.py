"""Builders for the pure parts: a ModelDeployment, its profile, what is seen of it. Say only what the test is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from paceline import engines, render
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.api.resolved import Resolved
from paceline.api.revision import Revision
from paceline.decide.fit import Fit
from paceline.decide.observation import AnswerView, Children, DeploymentView, Observation, PodView
from paceline.decide.revisions import Choice
from paceline.decide.rollout import Way, way
from paceline.engines.files import BASE, FetchSetup, Files, pin, sources
from paceline.stats.histogram import Histogram

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
IMAGES = engines.EngineImages(
    engine_sim="registry.example.com/paceline:1",
    vllm="registry.example.com/vllm:1",
    sglang="registry.example.com/sglang:1",
    llama_cpp="registry.example.com/llama.cpp:1",
)
SETUP = FetchSetup("registry.example.com/paceline:1")
COMMIT = "a09a35458c702b33eeacc393d103063234e8bc28"


def merged(base: Any, change: Any) -> Any:
    """`change` laid over `base`; None removes."""
    if not isinstance(base, Mapping) or not isinstance(change, Mapping):
        return change
    both = {**base, **{key: merged(base.get(key, {}), value) for key, value in change.items()}}
    return {key: value for key, value in both.items() if value is not None}


def manifest(spec: Mapping[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """A ModelDeployment as the API server gives it, with `spec` laid over the minimal one."""
    minimal = {"model": {"uri": "sim://llama-3-8b-h100"}, "hardware": {"profile": "sim"}}
    about = {"namespace": "models", "name": "chat", "uid": "0b1c", "generation": 3}
    return {
        "apiVersion": "paceline.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": about | metadata,
        "spec": merged(minimal, spec or {}),
    }


def model(spec: Mapping[str, Any] | None = None, status: Any = None, **metadata: Any) -> ModelDeployment:
    """The same, parsed; with a status where one matters."""
    obj = manifest(spec, **metadata)
    return ModelDeployment.parse(obj if status is None else obj | {"status": status})


def custom(engine: Mapping[str, Any] | None = None, **spec: Any) -> ModelDeployment:
    """A ModelDeployment with an engine image of its own."""
    own = {"model": {"uri": "image://registry.example.com/engine:1"}, "engine": engine or {}}
    return model(merged(own, spec))


def hardware(**fields: Any) -> HardwareProfile:
    """A profile; by default one without accelerators that costs nothing."""
    return HardwareProfile.model_validate({"name": "sim"} | fields)


def plan(md: ModelDeployment | None = None, profile: HardwareProfile | None = None) -> engines.EnginePlan:
    """The plan of a ModelDeployment."""
    return engines.plan(md or model(), profile or hardware(), IMAGES)


def revision(md: ModelDeployment | None = None, profile: HardwareProfile | None = None, number: int = 1) -> Revision:
    """The revision that a ModelDeployment renders to, as if it were kept under that number."""
    md, profile = md or model(), profile or hardware()
    return replace(render.revision(md, profile, plan(md, profile), files(md)), number=number)


def resolved(**fields: Any) -> Resolved:
    """A source as it was found: Qwen2.5-7B-Instruct, unless told otherwise."""
    shape = {"layers": 28, "kvHeads": 4, "headSize": 128, "contextTokens": 32768}
    size = 15_231_233_024
    usual = {"commit": COMMIT, "bytes": size + 11_000_000, "weightBytes": size, "parameters": 7_615_616_512}
    return Resolved.model_validate({**usual, "dtype": "BF16", "shape": shape, **fields})


def files(md: ModelDeployment, **fields: Any) -> Files | None:
    """The files of a ModelDeployment as they were found; None for one that has none."""
    request = render.asked(md)
    if not request:
        return None
    adapter = {"commit": "b" * 40, "bytes": 1_000_000, "weightBytes": 900_000, "shape": None}
    found = {one.name: resolved(**(fields if one.name == BASE else adapter)) for one in sources(md)}
    return pin(md, request, found, SETUP)


def choice(md: ModelDeployment | None = None) -> Choice:
    """That revision, in force."""
    return Choice(revision(md), "", ())


def taken(md: ModelDeployment | None = None) -> Way:
    """The way of a rollout that has not begun."""
    return way(md or model(), plan(md), Children())


def children(md: ModelDeployment, profile: HardwareProfile | None = None) -> tuple[dict[str, Any], ...]:
    """All children of a ModelDeployment that is seen for the first time."""
    return render.children(md, revision(md, profile), render.rolling(1, 0))


def lookup(md: ModelDeployment, profile: HardwareProfile | None = None) -> tuple[dict[str, Any], ...]:
    """What looks its sources up, before there is a revision; nothing for a model without files."""
    profile = profile or hardware()
    return render.lookup(md, profile, plan(md, profile), SETUP) if render.asked(md) else ()


def deployment(wanted: int = 1, **fields: Any) -> DeploymentView:
    """A Deployment that has rolled out."""
    done = DeploymentView(
        name="chat-1",
        revision="r2",
        generation=4,
        observed_generation=4,
        replicas=wanted,
        total=wanted,
        updated=wanted,
        ready=wanted,
        available=wanted,
        progress_reason="NewReplicaSetAvailable",
    )
    return replace(done, **fields)


def pod(name: str = "chat-1-a", **fields: Any) -> PodView:
    """A pod of the current revision that is ready."""
    return replace(
        PodView(name=name, uid=f"uid-{name}", revision="r2", ip="10.0.0.1", ready=True, started=True), **fields
    )


def starting(name: str = "chat-1-a", **fields: Any) -> PodView:
    """A pod whose engine has not answered yet."""
    return pod(name, ready=False, started=False, **fields)


def answer(of: PodView, *, ok: bool = True, ago: float = 5, **fields: Any) -> AnswerView:
    """The last test request to a pod, that many seconds ago."""
    failures = {} if ok else {"failures": 2, "message": "HTTP 500: out of blocks"}
    return AnswerView(**{"pod": of.uid, "time": NOW - timedelta(seconds=ago), "ok": ok} | failures | fields)


def seen(*pods: PodView, **fields: Any) -> Observation:
    """What is seen of a served model: its Deployment, its pods, and an answer of each that is ready."""
    usual = Observation(
        revision="r2",
        deployment=deployment(max(len(pods), 1)),
        service="chat-1",
        pods=pods,
        answers=tuple(answer(one) for one in pods if one.ready),
        fit=Fit("True", "It fits."),
    )
    return replace(usual, **fields)


def histogram(*buckets: tuple[float, float]) -> Histogram:
    """A histogram of (edge, cumulative count), with everything under infinity."""
    made = Histogram.of([*buckets, (float("inf"), buckets[-1][1] if buckets else 0.0)])
    assert made is not None
    return made
