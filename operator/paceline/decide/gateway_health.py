"""Does a Gateway serve, and what was asked of it? Conditions from what is observed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from paceline.api import gateway_reasons as reasons
from paceline.api import reasons as engine_reasons
from paceline.api.conditions import (
    ACCEPTED,
    BACKENDS_RESOLVED,
    CREDENTIALS_RESOLVED,
    PROGRAMMED,
    READY,
    TYPES,
    Condition,
    ConditionType,
    Status,
)
from paceline.api.gateway import KIND, Gateway
from paceline.api.reason import Reason
from paceline.decide.observation import DeploymentView, PodView
from paceline.decide.pods import Expectation, worst
from paceline.errors import PacelineError

_EXPECTED = Expectation("/readyz", 60, "gateway")
#: What troubles of pods are called where they are a gateway's.
_TROUBLES = {
    engine_reasons.QUOTA_EXCEEDED: reasons.QUOTA_EXCEEDED,
    engine_reasons.POD_REFUSED: reasons.POD_REFUSED,
    engine_reasons.IMAGE_PULL_FAILED: reasons.IMAGE_PULL_FAILED,
    engine_reasons.ENGINE_CANNOT_START: reasons.POD_CRASHING,
    engine_reasons.ENGINE_OUT_OF_MEMORY: reasons.POD_CRASHING,
    engine_reasons.ENGINE_CRASHING: reasons.POD_CRASHING,
    engine_reasons.NODE_LOST: reasons.POD_NOT_READY,
    engine_reasons.ENGINE_NOT_READY: reasons.POD_NOT_READY,
    engine_reasons.NO_CAPACITY: reasons.NO_CAPACITY,
    engine_reasons.ENGINE_STARTING: reasons.POD_STARTING,
}


@dataclass(frozen=True, slots=True)
class Report:
    """What the agent of one pod said last.

    Attributes:
        generation: Of the configuration that Envoy accepted last; 0 for none.
        rejected: Envoy's words about a later one; "" where it rejects none.
        credentials: Files of Secrets that are to be mounted and are not there, or are empty.
        issuers: Why there are no keys by which tokens could be verified, by their issuers.
    """

    generation: int
    rejected: str = ""
    credentials: tuple[str, ...] = ()
    issuers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said of the routes or of the listener.

    Attributes:
        subject: The part that it is about, such as a route's model.
    """

    reason: Reason
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What is observed of a Gateway.

    Attributes:
        generation: Of the configuration that its pods are to serve; 0 while there is none.
        reports: By the names of pods.
        remarks: Of the translation, in order.
    """

    deployment: DeploymentView | None
    pods: tuple[PodView, ...]
    generation: int
    reports: Mapping[str, Report]
    remarks: tuple[Remark, ...] = ()

    @property
    def live(self) -> list[PodView]:
        """Pods that are not on their way out."""
        return [pod for pod in self.pods if not pod.deleting]

    @property
    def issuers(self) -> dict[str, str]:
        """Why a pod has no keys of an issuer, by the issuers' addresses."""
        told = [self.reports[pod.name].issuers for pod in self.live if pod.name in self.reports]
        return {address: words for each in told for address, words in each.items()}


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: Status
    reason: str
    message: str

    @classmethod
    def of(cls, status: Status, reason: Reason, message: str) -> _Verdict:
        return cls(status, reason.name, " ".join(filter(None, (message, reason.remedy))))


def assess(gateway: Gateway, seen: Seen, problem: PacelineError | None = None) -> tuple[Condition, ...]:
    """Conditions of a Gateway, one of each type.

    Args:
        gateway: What is asked.
        seen: What is observed.
        problem: Why its children could not be applied; None where they were.
    """
    accepted = _acceptance(gateway, seen, problem)
    programmed = _programming(gateway, seen)
    credentials = _credentials(gateway, seen)
    verdicts = {
        READY: _readiness(gateway, seen, accepted, programmed, credentials),
        ACCEPTED: accepted,
        PROGRAMMED: programmed,
        BACKENDS_RESOLVED: _backends(gateway, seen),
        CREDENTIALS_RESOLVED: credentials,
    }
    return _conditions(gateway.generation, verdicts)


def refused(generation: int, problem: PacelineError) -> tuple[Condition, ...]:
    """Conditions of an object whose spec cannot even be read."""
    unknown = _Verdict.of("Unknown", reasons.NOT_YET_OBSERVED, "It is not known yet what it asks for.")
    stopped = _Verdict("False", problem.reason, problem.message)
    verdicts = {kind: stopped if kind in (READY, ACCEPTED) else unknown for kind in TYPES[KIND]}
    return _conditions(generation, verdicts)


def _conditions(generation: int, verdicts: Mapping[ConditionType, _Verdict]) -> tuple[Condition, ...]:
    return tuple(
        Condition(kind, verdict.status, verdict.reason, verdict.message, generation)
        for kind, verdict in verdicts.items()
    )


def _acceptance(gateway: Gateway, seen: Seen, problem: PacelineError | None) -> _Verdict:
    if problem is not None:
        return _Verdict("False", problem.reason, problem.message)
    lost = _conflicts(gateway, seen)
    if lost:
        return _said("False", lost)
    remarks = _about(seen, ACCEPTED, "True")
    if remarks:
        return _said("True", remarks)
    if gateway.spec.authentication == "None":
        return _Verdict.of("True", reasons.AUTHENTICATION_NONE, "Everybody is answered.")
    return _Verdict.of("True", reasons.ACCEPTED_AS_WRITTEN, "The spec is understood and applied.")


def _conflicts(gateway: Gateway, seen: Seen) -> list[Remark]:
    """Host names that an older Gateway has; of a route that is another's, only the route suffers."""
    names = gateway.spec.listener.hostnames
    return [each for each in seen.remarks if each.reason is reasons.CONFLICTED and each.subject in names]


def _backends(gateway: Gateway, seen: Seen) -> _Verdict:
    apart = _conflicts(gateway, seen)
    for status in ("False", "True"):
        found = [each for each in _about(seen, BACKENDS_RESOLVED, status) if each not in apart]
        if found:
            return _said(status, found)
    return _Verdict.of("True", reasons.RESOLVED, "Every backend is there.")


def _programming(gateway: Gateway, seen: Seen) -> _Verdict:
    if gateway.spec.replicas == 0:
        return _Verdict.of("True", reasons.PROGRAMMED_AS_WRITTEN, "spec.replicas is 0: there is no pod to program.")
    if seen.generation == 0:
        return _Verdict.of("Unknown", reasons.NOT_YET_OBSERVED, "There is no configuration yet.")
    reports = {pod.name: seen.reports.get(pod.name, Report(0)) for pod in seen.live}
    rejecting = sorted(name for name, report in reports.items() if report.rejected)
    if rejecting:
        words = f"Envoy in {len(rejecting)} of {len(reports)} pods rejects it; {rejecting[0]}: "
        return _Verdict.of("False", reasons.UPDATE_REJECTED, f"{words}{reports[rejecting[0]].rejected}")
    behind = sorted(name for name, report in reports.items() if report.generation < seen.generation)
    if behind or not reports:
        words = f"{len(reports) - len(behind)} of {len(reports)} pods have configuration {seen.generation}"
        return _Verdict.of("False", reasons.AWAITING_AGENT, f"{words}{f'; not {behind[0]}' if behind else ''}.")
    return _Verdict.of("True", reasons.PROGRAMMED_AS_WRITTEN, f"All pods serve configuration {seen.generation}.")


def _credentials(gateway: Gateway, seen: Seen) -> _Verdict:
    told = [seen.reports[pod.name] for pod in seen.live if pod.name in seen.reports]
    missing = sorted({file for report in told for file in report.credentials})
    if missing:
        return _Verdict.of("False", reasons.SECRET_MISSING, f"{_listed(missing)} cannot be read in the gateway's pods.")
    if gateway.spec.replicas and not told:
        return _Verdict.of("Unknown", reasons.AWAITING_AGENT, "No agent has said yet which credentials it finds.")
    return _Verdict.of("True", reasons.RESOLVED, "Every credential is there.")


def _readiness(
    gateway: Gateway, seen: Seen, accepted: _Verdict, programmed: _Verdict, credentials: _Verdict
) -> _Verdict:
    ready = [pod for pod in seen.live if pod.ready]
    if accepted.status == "False":
        still = " What was applied before still serves." if ready else ""
        return _Verdict("False", accepted.reason, f"{accepted.message}{still}")
    if gateway.spec.replicas == 0:
        return _Verdict.of("True", reasons.SCALED_TO_ZERO, "spec.replicas is 0: no pod runs, and none should.")
    if not ready:
        return _down(gateway, seen)
    if programmed.reason == reasons.UPDATE_REJECTED.name:
        return programmed
    listener = gateway.spec.listener.tls
    if listener and credentials.status == "False" and f"/{listener.secret_ref.name}/" in credentials.message:
        return credentials
    return _Verdict.of("True", reasons.SERVING, f"{len(ready)} of {gateway.spec.replicas} pods answer clients.")


def _down(gateway: Gateway, seen: Seen) -> _Verdict:
    """Why no pod is ready."""
    found = worst(seen.live, seen.deployment, _EXPECTED) if seen.deployment else None
    if found is None:
        return _Verdict.of("False", reasons.POD_STARTING, f"{gateway.spec.replicas} pods are being created.")
    return _Verdict.of("False", _TROUBLES[found.reason], found.message)


def _about(seen: Seen, kind: ConditionType, status: Status) -> list[Remark]:
    """Remarks whose reason says that of a condition."""
    return [remark for remark in seen.remarks if (kind, status) in remark.reason.shows]


def _said(status: Status, remarks: Sequence[Remark]) -> _Verdict:
    """The first remark's reason, with the words of all that have it."""
    first = remarks[0].reason
    alike = [remark.message for remark in remarks if remark.reason is first]
    return _Verdict.of(status, first, " ".join(dict.fromkeys(alike)))


def _listed(names: Iterable[str], most: int = 5) -> str:
    every = list(names)
    rest = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + rest
