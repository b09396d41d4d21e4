"""What a ModelDeployment comes to: the pure middle of its story, between what is seen and what is applied."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import find_profile
from paceline.api.reasons import DOES_NOT_FIT
from paceline.api.revision import Revision
from paceline.decide.capacity import Capacity, place
from paceline.decide.fit import Fit, fit
from paceline.decide.observation import Children
from paceline.decide.revisions import Choice, choose
from paceline.decide.rollout import Way, way
from paceline.decide.sources import Lookup, described, look_up, said_before
from paceline.decide.step import step
from paceline.engines import EngineImages, EnginePlan, plan
from paceline.engines.files import FetchSetup, pin
from paceline.errors import Lacking, PacelineError, Stalled
from paceline.kube.resources import DEPLOYMENTS, JsonObject
from paceline.render import (
    asked,
    children,
    engine_key,
    lookup,
    midway,
    recreate,
    revision,
    rolling,
    service_account,
)
from paceline.settings import OperatorSettings

#: ReplicaSets, which are not watched, take about a tenth of this to catch up.
_SETS_SECONDS = 0.5
#: The Deployment is watched; this is for news that got lost.
_NEWS_SECONDS = 5.0


@dataclass(frozen=True)
class Wanted:
    """What a spec comes to under the configuration in force.

    With a problem, the manifests are what is applied all the same: nothing, or what looks the model up.

    Attributes:
        again_after: Seconds until the Deployment may be ready to be told more; None: these manifests say all.
    """

    md: ModelDeployment
    plan: EnginePlan | None = None
    choice: Choice | None = None
    way: Way | None = None
    manifests: tuple[JsonObject, ...] = ()
    problem: PacelineError | None = None
    model: str = ""
    fit: Fit | None = None
    again_after: float | None = None

    def awaits_pods(self, found: Children) -> bool:
        """Whether some of its pods are still to come, so that nodes and quotas matter."""
        there = found.deployment.available if self._applied(found) and found.deployment else 0
        return self.choice is not None and there < self.md.spec.replicas

    def placed(self, found: Children, capacity: Capacity) -> Wanted:
        """The same, where nodes and quotas have a place for it.

        A revision that is applied is never refused by these: a node that is gone for a while must take nothing from
        what serves, and its pods tell of what they lack by themselves.
        """
        if self.plan is None or self.choice is None or self.fit is None:
            return self
        pod = self.choice.revision.data["template"]["spec"]
        found_place = place(pod, self.md.spec.replicas, capacity, fixed=self.plan.capacity == "Fixed")
        fits = replace(self.fit, message=" ".join(filter(None, (self.fit.message, found_place.words))))
        obstacle = found_place.obstacle
        if obstacle is None or self._applied(found):
            return replace(self, fit=fits)
        problem = Lacking(obstacle.name, f"{found_place.words} {obstacle.remedy}")
        return replace(_as_before(self.md, self.plan, found), problem=problem, model=self.model, fit=fits)

    def _applied(self, found: Children) -> bool:
        label = self.choice.revision.label if self.choice else ""
        return found.deployment is not None and found.deployment.revision == label

    @property
    def key(self) -> JsonObject | None:
        """The Secret, without its content, that the pods mount; None where their engine asks for no key."""
        return engine_key(self.md, self.manifests)


def want(body: JsonObject, settings: OperatorSettings, found: Children) -> Wanted:
    """Parse, plan, choose the revision and the way to it, and render. Pure.

    Args:
        body: The ModelDeployment.
        settings: The configuration in force.
        found: What there is of it.

    Raises:
        Stalled: reason InvalidSpec, where not even the object can be read.
    """
    md = ModelDeployment.parse(body)
    try:
        profile = find_profile(settings.profiles, md.spec.hardware.profile)
        planned = plan(md, profile, images(settings))
    except Stalled as error:
        return Wanted(md, problem=error)
    setup = fetch_setup(settings)
    request = asked(md)
    known = look_up(request, found.revisions, found.fetches) if request else Lookup({})
    if known.found is None:
        before = _as_before(md, planned, found)
        looked = (*before.manifests, *lookup(md, profile, planned, setup))
        return replace(before, manifests=looked, problem=said_before(md, known.problem))
    files = pin(md, request, known.found, setup) if request else None
    fits, model = fit(md, profile, planned, files), described(known.found)
    if fits.status == "False":
        problem = Stalled(DOES_NOT_FIT.name, fits.message)
        return replace(_as_before(md, planned, found), problem=problem, model=model, fit=fits)
    served = _served(md, planned, revision(md, profile, planned, files), found)
    return replace(served, model=model, fit=fits)


def _served(md: ModelDeployment, planned: EnginePlan, rendered: Revision, found: Children) -> Wanted:
    """Choose the revision and the way to it, and render."""
    rollout = md.spec.rollout
    choice = choose(
        rendered,
        found.revisions,
        follow=rollout.on_operator_upgrade == "Auto",
        limit=rollout.revision_history_limit,
        in_use=found.labels,
    )
    # Where pods are asked is where those of the revision listen.
    planned = replace(planned, port=choice.revision.data["effective"]["port"])
    taken = way(md, planned, found)
    return replace(_stepped(md, planned, choice.revision, taken, found), choice=choice, way=taken)


def _as_before(md: ModelDeployment, planned: EnginePlan, found: Children) -> Wanted:
    """The children of the revision that is applied, while the one that is asked for cannot be.

    Replicas are those of the spec: what serves is scaled and healed as ever. Before the first revision there is only
    the account under which the model is looked up.
    """
    kept = _kept(found, found.deployment.revision if found.deployment else "")
    if kept is None:
        return Wanted(md, planned, manifests=(service_account(md, planned.type),))
    return _stepped(md, planned, kept, way(md, planned, found), found)


def _stepped(md: ModelDeployment, planned: EnginePlan, wanted: Revision, taken: Way, found: Children) -> Wanted:
    """The children, with a Deployment that is one step nearer to what is asked for."""
    manifests, live = children(md, wanted, _strategy(taken)), found.deployment
    told = step(live, found.replica_sets, wanted.label, md.spec.replicas)
    running = wanted if told.revision == wanted.label else _kept(found, told.revision)
    if live is None or told.last or taken.type == "Recreate" or running is None:
        return Wanted(md, planned, manifests=manifests)
    pods = running.data["template"]
    strategy = recreate() if live.recreates else rolling(live.surge, live.unavailable)
    on_the_way = (
        midway(one, pods, strategy, told.replicas, paused=told.paused) if one["kind"] == DEPLOYMENTS.kind else one
        for one in manifests
    )
    again_after = _SETS_SECONDS if live.noticed else _NEWS_SECONDS
    return Wanted(md, planned, manifests=tuple(on_the_way), again_after=again_after)


def _kept(found: Children, label: str) -> Revision | None:
    """The newest revision of that label."""
    return max((one for one in found.revisions if one.label == label), key=lambda one: one.number, default=None)


def _strategy(taken: Way) -> JsonObject:
    return recreate() if taken.type == "Recreate" else rolling(taken.surge, taken.unavailable)


def images(settings: OperatorSettings) -> EngineImages:
    """The images of engines that the configuration gives."""
    given = settings.images
    return EngineImages(given.engine_sim, given.vllm, given.sglang, given.llama_cpp)


def fetch_setup(settings: OperatorSettings) -> FetchSetup:
    """What the configuration says of fetching."""
    given = settings.fetch
    return FetchSetup(settings.images.fetch, tuple(sorted(given.env.items())), given.allowed_networks)
