"""Is a model served, and is it the wanted one? Conditions from what is observed.

Available: pods answer users. Ready: Available, and the current generation is what answers. What is not known is
Unknown; a freshly started operator holds Available until it has asked, so that a restart changes no status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from paceline.api import reasons
from paceline.api.conditions import (
    ACCEPTED,
    AVAILABLE,
    FITS,
    MODEL_RESOLVED,
    PROGRESSING,
    READY,
    SLO_MET,
    TYPES,
    Condition,
    ConditionType,
    Status,
    find,
)
from paceline.api.modeldeployment import KIND, ModelDeployment
from paceline.api.reason import Reason
from paceline.decide.front import Front
from paceline.decide.objective import judge
from paceline.decide.observation import AnswerView, DeploymentView, Observation, PodView
from paceline.decide.pods import Expectation, Trouble, worst
from paceline.engines import EnginePlan, inference
from paceline.errors import PacelineError

#: One failed test does not make a served model unavailable; two in a row do.
FAILURES = 2
#: What keeps more replicas from coming while the present ones serve.
_SHORTAGES = (reasons.NO_CAPACITY, reasons.QUOTA_EXCEEDED, reasons.POD_REFUSED)
_MEETING = "whether users meet the objective"
#: Conditions that a fault of unknown kind says something of.
_WHOLE: tuple[ConditionType, ...] = (READY, ACCEPTED, PROGRESSING)
#: Look again this soon where only a test request is missing.
PROBE_SECONDS = 2.0
#: And this soon where a pod may wait for its key: no event tells that the Secret was deleted.
KEY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Assessment:
    """What holds now.

    Attributes:
        conditions: One of each type, in the order of `conditions.TYPES`.
        requeue_seconds: Look again after this time even if nothing is heard; None: events and the resync suffice.
        settled: All pods are of the revision in force.
    """

    conditions: tuple[Condition, ...]
    requeue_seconds: float | None = None
    settled: bool = False

    def condition(self, kind: ConditionType) -> Condition:
        """The condition of that type."""
        return next(condition for condition in self.conditions if condition.type == kind)


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: Status
    reason: str
    message: str

    @classmethod
    def of(cls, status: Status, reason: Reason, message: str) -> _Verdict:
        return cls(status, reason.name, " ".join(filter(None, (message, reason.remedy))))


def assess(
    md: ModelDeployment,
    plan: EnginePlan | None,
    observation: Observation,
    now: datetime,
    problem: PacelineError | None = None,
) -> Assessment:
    """Conditions of a ModelDeployment.

    Args:
        md: What is asked, and the conditions that it showed last.
        plan: None where the spec could not be resolved; `problem` then says why.
        observation: What is seen.
        now: With a time zone.
        problem: Why this generation could not be resolved or applied; None where it was.
    """
    path = plan.probes.readiness.path if plan else "its readiness path"
    expected = Expectation(path, md.spec.lifecycle.startup_seconds)
    available = _availability(md, observation, expected, now, problem)
    settled = observation.deployment is not None and _settled(md, observation, observation.deployment)
    progressing = _progress(md, observation, expected, problem, settled=settled)
    verdicts = {
        READY: _readiness(md, observation, expected, available, progressing, problem, settled=settled),
        AVAILABLE: available,
        ACCEPTED: _stopped(ACCEPTED, problem) or _acceptance(md, observation.front),
        MODEL_RESOLVED: _stopped(MODEL_RESOLVED, problem) or _resolution(observation, problem),
        FITS: _stopped(FITS, problem) or _fitting(observation),
        PROGRESSING: progressing,
        SLO_MET: _meeting(md, observation),
    }
    conditions = tuple(
        Condition(kind, verdict.status, verdict.reason, verdict.message, md.generation)
        for kind, verdict in verdicts.items()
    )
    return Assessment(
        conditions,
        _again(available, observation),
        settled=settled,
    )


def refused(generation: int, previous: tuple[Condition, ...], problem: PacelineError) -> Assessment:
    """Conditions of an object whose spec cannot even be read. What it served, it serves on, as far as is known."""
    stopped = _Verdict("False", problem.reason, problem.message)
    unknown = _unseen("what it asks for")
    verdicts = {
        READY: stopped,
        AVAILABLE: _said(previous, AVAILABLE, "whether the model answers"),
        ACCEPTED: stopped,
        MODEL_RESOLVED: unknown,
        FITS: unknown,
        PROGRESSING: stopped,
        SLO_MET: _said(previous, SLO_MET, _MEETING),
    }
    return Assessment(tuple(Condition(k, v.status, v.reason, v.message, generation) for k, v in verdicts.items()))


def unseen(generation: int, problem: PacelineError) -> Assessment:
    """Conditions of a new object of which nothing could be applied yet, and not for any reason of its own."""
    verdict = _Verdict.of("Unknown", reasons.NOT_YET_OBSERVED, f"Its children could not be applied yet: {problem}.")
    conditions = (Condition(kind, verdict.status, verdict.reason, verdict.message, generation) for kind in TYPES[KIND])
    return Assessment(tuple(conditions))


def _unseen(what: str) -> _Verdict:
    return _Verdict.of("Unknown", reasons.NOT_YET_OBSERVED, f"It is not known yet {what}.")


def _said(before: tuple[Condition, ...], kind: ConditionType, what: str) -> _Verdict:
    """What was said before, where nothing newer is known."""
    held = find(before, kind)
    return _Verdict(held.status, held.reason, held.message) if held else _unseen(what)


def _meeting(md: ModelDeployment, seen: Observation) -> _Verdict:
    found = judge(md.spec.slo, seen.front)
    return _Verdict.of(*found) if found else _said(md.conditions, SLO_MET, _MEETING)


def _stopped(kind: ConditionType, problem: PacelineError | None) -> _Verdict | None:
    """What a problem says of one condition; None where it says nothing of it.

    A reason that is not ours (a fault of the API server) says of the whole object that it is not applied.
    """
    if problem is None:
        return None
    reason = reasons.BY_NAME.get(problem.reason)
    shown: Mapping[ConditionType, Status] = dict(reason.shows) if reason else dict.fromkeys(_WHOLE, "False")
    return _Verdict(shown[kind], problem.reason, problem.message) if kind in shown else None


def _again(available: _Verdict, seen: Observation) -> float | None:
    if available.reason == reasons.PROBE_PENDING.name:
        return PROBE_SECONDS
    return KEY_SECONDS if any(pod.lacks_key for pod in seen.pods) else None


def _acceptance(md: ModelDeployment, front: Front) -> _Verdict:
    if md.spec.exposure == "Cluster" or (md.spec.exposure == "Auto" and _guarded(md, front)):
        beside = " and a Gateway serves the model" if md.spec.exposure == "Auto" else ""
        words = f"The spec is understood and applied. spec.exposure is {md.spec.exposure}{beside}: whoever reaches the "
        return _Verdict.of("True", reasons.BYPASSABLE, f"{words}Service is answered without keys and budgets.")
    return _Verdict.of("True", reasons.ACCEPTED_AS_WRITTEN, "The spec is understood and applied.")


def _guarded(md: ModelDeployment, front: Front) -> bool:
    """Whether a Gateway asks for keys before the model."""
    if front.known or front.url:
        return bool(front.url)
    held = find(md.conditions, ACCEPTED)
    return held is not None and held.reason == reasons.BYPASSABLE.name


def _resolution(seen: Observation, problem: PacelineError | None) -> _Verdict:
    if seen.model:
        return _Verdict.of("True", reasons.RESOLVED, seen.model)
    if problem is not None:
        return _unseen("what the source is")
    return _Verdict.of("True", reasons.RESOLVED, "The engine brings the model along.")


def _fitting(seen: Observation) -> _Verdict:
    if seen.fit is None:
        return _unseen("whether the model fits")
    reason = reasons.MEMORY_SUFFICES if seen.fit.status == "True" else reasons.SIZE_UNKNOWN
    return _Verdict.of(seen.fit.status, reason, seen.fit.message)


def _availability(
    md: ModelDeployment, seen: Observation, expected: Expectation, now: datetime, problem: PacelineError | None
) -> _Verdict:
    if md.spec.replicas == 0:
        return _Verdict.of("True", reasons.SCALED_TO_ZERO, "spec.replicas is 0: no engine runs, and none should.")
    if seen.deployment is None:
        return _stopped(AVAILABLE, problem) or _unseen("whether the model answers")
    live = _live(seen)
    serving = [pod for pod in live if pod.ready]
    trouble = worst(live, seen.deployment, expected)
    if not serving:
        found = trouble or Trouble(reasons.ENGINE_STARTING, f"{md.spec.replicas} replicas are being created.")
        return _Verdict.of("False", found.reason, found.message)
    rest = f" {trouble.message} {trouble.reason.remedy}" if trouble and len(serving) < md.spec.replicas else ""
    share = f"{len(serving)} of {md.spec.replicas} replicas"
    if inference(md) == "None":
        return _Verdict.of("True", reasons.NOT_PROBED, f"{share} are ready; no test request is made.{rest}")
    if any(pod.locked for pod in serving):
        words = f"{share} are ready; no test request is made, because the engine asks for a key."
        return _Verdict.of("True", reasons.NOT_PROBED, f"{words}{rest}")
    return _answers(md, seen, serving, rest, now)


def _answers(md: ModelDeployment, seen: Observation, serving: list[PodView], rest: str, now: datetime) -> _Verdict:
    fresh = {a.pod: a for a in seen.answers if now - a.time <= timedelta(seconds=a.lasts)}
    asked = [fresh[pod.uid] for pod in serving if pod.uid in fresh]
    good = sum(answer.ok for answer in asked)
    if good:
        return _Verdict.of("True", reasons.ANSWERING, f"{good} of {md.spec.replicas} replicas answer.{rest}")
    before = find(md.conditions, AVAILABLE)
    held = before if before and before.status == "True" and before.reason == reasons.ANSWERING.name else None
    certain = [answer for answer in asked if answer.failures >= FAILURES or not held]
    if certain:
        return _Verdict.of("False", reasons.ENGINE_NOT_ANSWERING, _failure(certain, serving))
    if held:
        return _Verdict(held.status, held.reason, held.message)
    return _Verdict.of(
        "Unknown", reasons.PROBE_PENDING, f"{len(serving)} of {md.spec.replicas} replicas are ready and not yet tested."
    )


def _failure(failed: list[AnswerView], serving: list[PodView]) -> str:
    names = {pod.uid: pod.name for pod in serving}
    last = max(failed, key=lambda answer: answer.time)
    words = last.message or "no answer"
    return f"The test request to {len(failed)} of {len(serving)} ready pods failed; {names[last.pod]}: {words}."


def _live(seen: Observation) -> list[PodView]:
    """Pods that count, those of the current revision first: what is said is said about them before others."""
    wanted = seen.revision or (seen.deployment.revision if seen.deployment else "")
    pods = (pod for pod in seen.pods if not pod.deleting)
    return sorted(pods, key=lambda pod: (pod.revision != wanted, pod.name))


def _settled(md: ModelDeployment, seen: Observation, deployment: DeploymentView) -> bool:
    """All pods are of the current revision, and enough of them once were available.

    A change of replicas alone is no rollout: Kubernetes keeps NewReplicaSetAvailable through it, and so Ready holds
    while an autoscaler works, also before the Deployment controller has noticed the change.
    """
    wanted = seen.revision or deployment.revision
    live = _live(seen)
    noticed = deployment.noticed and deployment.replicas == md.spec.replicas
    same_template = md.spec.replicas > 0 and bool(live) and all(pod.revision == wanted for pod in live)
    return (
        (noticed or same_template)
        and deployment.revision == wanted
        and deployment.updated == deployment.total
        and (deployment.progress_reason == "NewReplicaSetAvailable" or deployment.available >= md.spec.replicas)
    )


def _progress(
    md: ModelDeployment, seen: Observation, expected: Expectation, problem: PacelineError | None, *, settled: bool
) -> _Verdict:
    if stopped := _stopped(PROGRESSING, problem):
        return stopped
    deployment = seen.deployment
    if deployment is None:
        return _unseen("how far the rollout is")
    if settled:
        return _rolled_out(md, seen, deployment, expected)
    if deployment.progress_reason == "ProgressDeadlineExceeded" and deployment.noticed:
        seconds = md.spec.rollout.progress_deadline_seconds
        return _Verdict.of(
            "False",
            reasons.PROGRESS_DEADLINE_EXCEEDED,
            f"The rollout made no progress for progressDeadlineSeconds ({seconds}); "
            f"{deployment.updated} of {md.spec.replicas} replicas are updated.",
        )
    return _Verdict.of(
        "True",
        reasons.ROLLOUT_IN_PROGRESS,
        f"{deployment.updated} of {md.spec.replicas} replicas are updated, {deployment.available} are available. "
        f"{seen.way}",
    )


def _rolled_out(md: ModelDeployment, seen: Observation, deployment: DeploymentView, expected: Expectation) -> _Verdict:
    trouble = worst(_live(seen), deployment, expected)
    if trouble and trouble.reason in _SHORTAGES:
        share = f"{deployment.available} of {md.spec.replicas} replicas are available."
        return _Verdict.of("False", trouble.reason, f"{share} {trouble.message}")
    if seen.drift:
        return _Verdict.of("False", reasons.PENDING_DRIFT, f"A new revision would have other pods: {seen.drift}.")
    return _Verdict.of("False", reasons.ROLLED_OUT, f"All replicas run revision {deployment.revision or 'unknown'}.")


def _readiness(
    md: ModelDeployment,
    seen: Observation,
    expected: Expectation,
    available: _Verdict,
    progressing: _Verdict,
    problem: PacelineError | None,
    *,
    settled: bool,
) -> _Verdict:
    if problem:
        serving = available.status == "True" and md.spec.replicas > 0
        still = " What was applied before still serves." if serving else ""
        return _Verdict("False", problem.reason, f"{problem.message}{still}")
    if available.status != "True":
        return available
    if seen.deployment is None:
        return _Verdict.of("False", reasons.ROLLOUT_IN_PROGRESS, "The children are being created.")
    if settled:
        return available
    new = [pod for pod in _live(seen) if pod.revision == (seen.revision or seen.deployment.revision)]
    trouble = worst(new, seen.deployment, expected)
    if trouble and trouble.reason is not reasons.ENGINE_STARTING:
        return _Verdict.of("False", trouble.reason, f"The new revision does not come up. {trouble.message}")
    return _Verdict("False", progressing.reason, progressing.message)
