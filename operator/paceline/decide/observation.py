"""What the decisions read: slim, frozen views of the cluster. No decision sees a raw object.

`Observation` is gathered by the reconcile story; `decide.views` reads pods and Deployments into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from paceline.api.revision import Revision
from paceline.decide.fit import Fit
from paceline.decide.front import NOWHERE, Front
from paceline.stats.histogram import Histogram

#: Twelve times the default interval of the test requests.
ANSWER_SECONDS = 120.0
#: What an integer of a JSON document can be relied on to hold; an engine's page can say more.
_MOST_REQUESTS = 2**53 - 1


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """The engine's Deployment.

    Attributes:
        revision: Label paceline.dev/revision of its pod template; "" for a template of other making.
        replicas: spec.replicas.
        total: Pods that exist and are not being deleted.
        progress_reason: Reason of its condition Progressing; "" without one.
        failure: Message of its condition ReplicaFailure while that is True, else "".
        surge: Pods more than wanted that its strategy allows.
        unavailable: Pods fewer than wanted that it allows.
        recreates: All pods end before new ones start.
        paused: Nothing is rolled out.
    """

    name: str
    revision: str
    generation: int
    observed_generation: int
    replicas: int
    total: int
    updated: int
    ready: int
    available: int
    progress_reason: str = ""
    failure: str = ""
    surge: int = 0
    unavailable: int = 0
    recreates: bool = False
    paused: bool = False

    @property
    def noticed(self) -> bool:
        """Its controller has seen the spec as it is; what it says of failure is about that, and not an earlier one."""
        return self.observed_generation >= self.generation


@dataclass(frozen=True, slots=True)
class ReplicaSetView:
    """One ReplicaSet of the engine's Deployment.

    Attributes:
        noticed: Its controller has seen the spec as it is.
        replicas: spec.replicas.
        total: Pods that exist and are not being deleted, as its controller counted last.
        scaled_for: What the Deployment wanted when it was last scaled; None where that is not noted.
    """

    noticed: bool
    replicas: int
    total: int
    available: int
    scaled_for: int | None = None


@dataclass(frozen=True, slots=True)
class PodView:
    """One pod of the engine.

    Attributes:
        revision: Label paceline.dev/revision.
        ip: "" until it has one.
        deleting: It has a deletionTimestamp.
        ready: Its condition Ready is True.
        started: Its startup probe has passed.
        waiting: Reason why the container waits, such as ImagePullBackOff; "" while it does not.
        waiting_message: The words to it.
        exit_code: Of the last run of the container that ended; None before any did.
        exit_reason: Such as OOMKilled or Error.
        exit_message: The process's last words.
        ran_seconds: How long that run lasted.
        unschedulable: The scheduler's words while no node takes the pod, else "".
        failed: Why the pod as a whole is in phase Failed (Evicted: …), else "".
        unfetched: Last words of its container that fetches the model, where that ended badly; else "".
        lost: Its node reports no more: the pod counts as not ready, whatever its container was last.
        locked: Its engine answers only who brings its key, so it is not asked.
    """

    name: str
    uid: str
    revision: str
    ip: str = ""
    deleting: bool = False
    ready: bool = False
    started: bool = False
    waiting: str = ""
    waiting_message: str = ""
    restarts: int = 0
    exit_code: int | None = None
    exit_reason: str = ""
    exit_message: str = ""
    ran_seconds: float = 0.0
    unschedulable: str = ""
    failed: str = ""
    unfetched: str = ""
    lost: bool = False
    locked: bool = False

    @property
    def lacks_key(self) -> bool:
        """It may wait for the Secret with its key: it says no more than that its containers are not made yet."""
        return self.locked and self.waiting in {"ContainerCreating", "PodInitializing"}


@dataclass(frozen=True, slots=True)
class FetchView:
    """One pod that looks up a model's sources.

    Attributes:
        request: Label paceline.dev/sources.
        created: RFC 3339.
        phase: Of the pod.
        report: Last words of its container, JSON of `api.source.Report` where all went well enough to say so.
        trouble: Why it does not run or how it was ended, "" where there is nothing to say.
    """

    name: str
    request: str
    created: str = ""
    phase: str = ""
    report: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class AnswerView:
    """The last test request to one pod.

    Attributes:
        pod: uid of the pod, so that a successor of the same name starts anew.
        time: When it ended.
        ok: The model answered as its task wants, or users were answered since the last look.
        message: What it said or did not say, where it is not ok.
        failures: Failed tests in a row up to this one; 0 where it is ok.
        lasts: Seconds for which it says something about now.
    """

    pod: str
    time: datetime
    ok: bool
    message: str = ""
    failures: int = 0
    lasts: float = ANSWER_SECONDS


@dataclass(frozen=True, slots=True)
class LatencyView:
    """What the engines measured lately, all pods together; `decide.latency` keeps the window.

    Attributes:
        time: Of the scrape.
        ttft: Seconds; None where no engine shows it.
        tpot: Seconds per token; None where no engine shows it.
    """

    time: datetime
    ttft: Histogram | None = None
    tpot: Histogram | None = None

    @property
    def requests(self) -> int:
        """Requests that got a first token in the window."""
        return round(min(self.ttft.count, _MOST_REQUESTS)) if self.ttft else 0


@dataclass(frozen=True, slots=True)
class Children:
    """What there is of a ModelDeployment in the cluster.

    Attributes:
        deployment: None while there is none.
        revisions: All that are kept, in any order.
        fetches: Pods that look up sources, in any order.
        replica_sets: Those of the Deployment, in any order; None unless it is paused, or where they may not be read.
    """

    deployment: DeploymentView | None = None
    pods: tuple[PodView, ...] = ()
    revisions: tuple[Revision, ...] = ()
    fetches: tuple[FetchView, ...] = ()
    replica_sets: tuple[ReplicaSetView, ...] | None = None

    @property
    def labels(self) -> frozenset[str]:
        """Revisions whose pods there are, or are to be."""
        wanted = {self.deployment.revision} if self.deployment else set()
        return frozenset(wanted.union(pod.revision for pod in self.pods))


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that was seen of one ModelDeployment.

    Attributes:
        revision: Label paceline.dev/revision that this generation renders to; "" when it could not be rendered.
        deployment: None while there is none.
        service: Name of the Service; "" while there is none.
        answers: The last test request of each pod; empty where none was made.
        latency: None where nothing was measured lately.
        revisions: All that are kept, in any order.
        drift: What would change in the pods if the spec were rendered now; "" nothing.
        way: How a new revision replaces the old one, in words.
        model: What the files that are served are, in words; "" for an engine that brings its model along.
        fit: Whether they fit; None where that was not asked.
        front: Where users ask, and what they met.
    """

    revision: str = ""
    deployment: DeploymentView | None = None
    service: str = ""
    pods: tuple[PodView, ...] = ()
    answers: tuple[AnswerView, ...] = ()
    latency: LatencyView | None = None
    revisions: tuple[Revision, ...] = ()
    drift: str = ""
    way: str = ""
    model: str = ""
    fit: Fit | None = None
    front: Front = NOWHERE
