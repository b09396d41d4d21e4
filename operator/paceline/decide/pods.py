"""Why a pod does not serve: its own words, sorted into the reasons of `api.reasons`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paceline.api import reasons
from paceline.api.conditions import clean
from paceline.api.reason import Reason
from paceline.decide.observation import DeploymentView, PodView
from paceline.decide.sources import failure

_IMAGE = frozenset(
    {
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_CONTAINER = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PostStartHookError"}
)
_NOT_EXECUTED = frozenset({"StartError", "ContainerCannotRun"})

#: Where pods fail in several ways, the cause that a person must deal with first is shown.
_RANK = (
    reasons.QUOTA_EXCEEDED,
    reasons.POD_REFUSED,
    reasons.IMAGE_PULL_FAILED,
    *reasons.UNFETCHED,
    reasons.ENGINE_CANNOT_START,
    reasons.ENGINE_OUT_OF_MEMORY,
    reasons.ENGINE_CRASHING,
    reasons.NODE_LOST,
    reasons.ENGINE_NOT_READY,
    reasons.NO_CAPACITY,
    reasons.ENGINE_STARTING,
)

#: The scheduler's words for a claim that does not exist; one that is not bound is a matter of capacity.
_CLAIM = re.compile(r'persistentvolumeclaim ("[^" ]+") not found')

#: A kubelet's kill takes the grace period of the probe (10 s) and, on a busy node, some time before and after.
_KILL_SECONDS = 60

#: Foreign words in a condition: enough for an engine's last lines, short enough to read.
_WORDS = 400


@dataclass(frozen=True, slots=True)
class Trouble:
    """A cause and the words to it, without the remedy."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a pod should do, for the words about what it does not.

    Attributes:
        path: Readiness path.
        startup_seconds: Time from the start of the process to the first answer.
        noun: What runs in it.
    """

    path: str
    startup_seconds: int
    noun: str = "engine"


def diagnose(pod: PodView, expected: Expectation) -> Trouble | None:
    """Why this pod is not ready; None where it is."""
    if pod.ready:
        return None
    found = (trouble for check in _CHECKS if (trouble := check(pod, expected)))
    return next(found, Trouble(reasons.ENGINE_STARTING, f"The {expected.noun} in pod {pod.name} is being started."))


def _unschedulable(pod: PodView, _: Expectation) -> Trouble | None:
    if not pod.unschedulable:
        return None
    if claim := _CLAIM.search(pod.unschedulable):
        words = f"Pod {pod.name} finds no node, because PersistentVolumeClaim {claim[1]} is not in its namespace."
        return Trouble(reasons.REFERENCE_MISSING, words)
    return Trouble(reasons.NO_CAPACITY, f"Pod {pod.name} finds no node: {_quote(pod.unschedulable)}")


def _image(pod: PodView, _: Expectation) -> Trouble | None:
    if pod.waiting not in _IMAGE:
        return None
    # The kubelet goes to and fro between ErrImagePull and ImagePullBackOff, whose words hold those of the first: said
    # once, so that the condition stays still.
    cause = pod.waiting_message.rpartition("ErrImagePull: ")[2] or pod.waiting
    return Trouble(reasons.IMAGE_PULL_FAILED, f"The node of pod {pod.name} cannot get the image: {_quote(cause)}")


def _container(pod: PodView, _: Expectation) -> Trouble | None:
    if pod.exit_reason in _NOT_EXECUTED:
        words = pod.exit_message or pod.exit_reason
    elif pod.waiting in _CONTAINER:
        words = pod.waiting_message or pod.waiting
    else:
        return None
    return Trouble(reasons.ENGINE_CANNOT_START, f"The container of pod {pod.name} cannot be started: {_quote(words)}")


def _failed(pod: PodView, _: Expectation) -> Trouble | None:
    return Trouble(reasons.POD_REFUSED, f"Pod {pod.name} failed: {_quote(pod.failed)}") if pod.failed else None


def _lost(pod: PodView, expected: Expectation) -> Trouble | None:
    words = f"The node of pod {pod.name} reports no more; its {expected.noun} may still run and answer."
    return Trouble(reasons.NODE_LOST, words) if pod.lost else None


def _silent(pod: PodView, expected: Expectation) -> Trouble | None:
    if not pod.started:
        return None
    words = f"The {expected.noun} in pod {pod.name} runs, but GET {expected.path} no longer answers 200."
    return Trouble(reasons.ENGINE_NOT_READY, words)


def _ended(pod: PodView, expected: Expectation) -> Trouble | None:
    if pod.exit_code is None:
        return None
    if pod.exit_reason == "OOMKilled":
        return Trouble(
            reasons.ENGINE_OUT_OF_MEMORY, f"The {expected.noun} in pod {pod.name} used more memory than its limit."
        )
    if _given_up(pod, expected):
        return Trouble(
            reasons.ENGINE_NOT_READY,
            f"The {expected.noun} in pod {pod.name} did not answer 200 to GET {expected.path} within startupSeconds "
            f"({expected.startup_seconds}) and was restarted.",
        )
    kind = f" ({pod.exit_reason})" if pod.exit_reason not in {"", "Error"} else ""
    said = f"; last words: {_quote(pod.exit_message)}" if pod.exit_message.strip() else " and said nothing."
    words = f"The {expected.noun} in pod {pod.name} ended with exit code {pod.exit_code}{kind}{said}"
    return Trouble(reasons.ENGINE_CRASHING, words)


def _given_up(pod: PodView, expected: Expectation) -> bool:
    """Whether the kubelet ended this run because of its startup probe.

    It says so only in an Event. Such a run lasts as long as it was allowed to and little more, and ends by a signal
    (128 + 15, 128 + 9) or, where the engine heeds it, with 0.
    """
    over = pod.ran_seconds - expected.startup_seconds
    return 0 <= over <= _KILL_SECONDS and pod.exit_code in {0, 137, 143}


def _unfetched(pod: PodView, _: Expectation) -> Trouble | None:
    """The container that fetches the model says why by a report, unless it was killed."""
    if not pod.unfetched or pod.started:
        return None
    said = failure(pod.unfetched)
    reason = reasons.BY_NAME.get(said.reason, reasons.FETCH_FAILED) if said else reasons.FETCH_FAILED
    words = said.message if said else pod.unfetched
    return Trouble(reason, f"Pod {pod.name} cannot fetch the model: {_quote(words)}")


#: The first that finds something names the cause.
_CHECKS: tuple[Callable[[PodView, Expectation], Trouble | None], ...] = (
    _unschedulable,
    _image,
    _container,
    _failed,
    _unfetched,
    _lost,
    _silent,
    _ended,
)


def worst(pods: Sequence[PodView], deployment: DeploymentView, expected: Expectation) -> Trouble | None:
    """The cause to show for these pods and their Deployment; None where all of them are ready."""
    troubles = [trouble for pod in pods if (trouble := diagnose(pod, expected))]
    if deployment.failure and deployment.noticed:
        quota = "exceeded quota" in deployment.failure
        reason = reasons.QUOTA_EXCEEDED if quota else reasons.POD_REFUSED
        words = f"{max(deployment.replicas - len(pods), 0)} pods are missing: {_quote(deployment.failure)}"
        troubles.append(Trouble(reason, words))
    return min(troubles, key=lambda trouble: _RANK.index(trouble.reason), default=None)


def _quote(words: str) -> str:
    """Foreign words as a sentence: printable, short, the end kept, because the end says what happened."""
    line = clean(words, limit=1_000_000) or "no message"
    line = line if len(line) <= _WORDS else f"…{line[-_WORDS:]}"
    return line if line.endswith((".", "!", "?", "…")) else f"{line}."
