"""The story of a ModelDeployment: observe, decide, render, apply, summarise, one status write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from paceline import metrics
from paceline.api.conditions import conditions_of
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import STATUS_MANAGER, child_name
from paceline.api.profile import find_profile
from paceline.api.reasons import event_type
from paceline.decide.health import Assessment, assess, refused, unseen
from paceline.decide.observation import DeploymentView, Observation, PodView
from paceline.decide.status import refuse, summarise
from paceline.engines import EngineImages, EnginePlan, plan
from paceline.errors import Conflict, Fenced, PacelineError, Stalled, Transient, Waiting
from paceline.kube.apply import Applier
from paceline.kube.cache import Cache, Owner
from paceline.kube.client import APPLY, METADATA, Api
from paceline.kube.events import Events, Happening
from paceline.kube.resources import DEPLOYMENTS, MODELDEPLOYMENTS, PODS, SERVICES, JsonObject, Key
from paceline.kube.scrape import Visits
from paceline.reconcile.outcome import Outcome
from paceline.render import children, revision_of
from paceline.settings import OperatorSettings, now

_KNOWN = ("True", "False")


@dataclass(frozen=True)
class Wanted:
    """What a spec comes to under the configuration in force; with a problem, nothing is changed."""

    md: ModelDeployment
    plan: EnginePlan | None = None
    manifests: tuple[JsonObject, ...] = ()
    problem: PacelineError | None = None


class ModelDeployments:
    """Everything a reconcile needs, and the reconcile."""

    def __init__(
        self, api: Api, cache: Cache, events: Events, visits: Visits, settings: Callable[[], OperatorSettings]
    ) -> None:
        self._api = api
        self._cache = cache
        self._events = events
        self._visits = visits
        self._settings = settings
        self._applier = Applier(api, cache)

    async def reconcile(self, key: Key) -> Outcome:
        """Bring the children of one ModelDeployment and its status to what they should be.

        Raises:
            PacelineError: what no condition shows (a conflict, the network, the Lease); the worker tries again.
        """
        owner = self._cache.owners.get(key)
        if owner is None or owner.deleting:  # its children go with it, by their owner references
            self._forget(key)
            return Outcome("gone")
        previous = owner.body.get("status") or {}
        try:
            wanted = want(owner.body, self._settings())
        except Stalled as error:
            return await self._refuse(key, owner, previous, error)
        try:
            problem = wanted.problem or await self._apply(key, owner, wanted)
        except Transient as error:
            await self._begin(key, owner, previous, error)
            raise
        observation = self._observe(key, wanted)
        self._visits.sync(key, wanted.plan, observation.revision, observation.pods)
        at = now()
        assessment = assess(wanted.md, wanted.plan, observation, at, problem=problem)
        status = summarise(wanted.md, wanted.plan, observation, assessment, previous, at)
        await self._say(key, owner, previous, status)
        return self._outcome(problem, assessment)

    async def _refuse(self, key: Key, owner: Owner, previous: JsonObject, problem: Stalled) -> Outcome:
        """Say of an object that cannot even be read what is wrong with it. Its children stay as they are."""
        assessment = refused(owner.generation, conditions_of(previous), problem)
        await self._say(key, owner, previous, refuse(owner.generation, assessment, previous, now()))
        return self._outcome(problem, assessment)

    async def _begin(self, key: Key, owner: Owner, previous: JsonObject, error: Transient) -> None:
        """Say at least that nothing is known, where a new object's children cannot be applied just now."""
        if not previous.get("conditions") and not isinstance(error, (Conflict, Fenced)):
            status = refuse(owner.generation, unseen(owner.generation, error), previous, now())
            await self._say(key, owner, previous, status)

    async def _say(self, key: Key, owner: Owner, previous: JsonObject, status: JsonObject) -> None:
        """Write the status if it changed, tell the transitions, show the conditions."""
        if status != previous:
            await self._write(key, owner, status)
            self._tell(key, owner.uid, previous, status)
        self._show(key, status)

    async def _apply(self, key: Key, owner: Owner, wanted: Wanted) -> PacelineError | None:
        """Apply the children; a failure that users should see is returned, any other one raised."""
        try:
            await self._applier.apply(key, owner.uid, wanted.manifests)
        except (Stalled, Waiting) as error:
            return error
        return None

    def _observe(self, key: Key, wanted: Wanted) -> Observation:
        """What the cache holds of the children."""
        deployment, pods = None, []
        for resource, _, child in self._cache.owned(key):
            if isinstance(child.view, DeploymentView) and resource is DEPLOYMENTS and child.owner_uid == wanted.md.uid:
                deployment = child.view
            elif isinstance(child.view, PodView) and resource is PODS:
                pods.append(child.view)
        name = child_name(key.namespace, key.name)
        service = self._cache.children[SERVICES].get(Key(key.namespace, name))
        return Observation(
            revision=revision_of(wanted.manifests),
            deployment=deployment,
            service=name if service is not None and service.owner_uid == wanted.md.uid else "",
            pods=tuple(pods),
            answers=self._visits.answers(key),
            latency=self._visits.latency(key),
        )

    async def _write(self, key: Key, owner: Owner, status: JsonObject) -> None:
        """The one status write, on the very object that the decision read.

        Raises:
            Transient: also where the server refuses the status: no condition can tell of that, and the cause (a CRD
                of another release, an admission policy) goes without any news of this object.
        """
        try:
            answer = await self._send_status(key, owner, status)
        except (Stalled, Waiting) as error:
            raise Transient(error.reason, error.message) from error

        body = {**owner.body, "metadata": answer["metadata"], "status": status}
        self._cache.put_owner(key, Owner.parse(body))

    async def _send_status(self, key: Key, owner: Owner, status: JsonObject) -> JsonObject:
        return await self._api.send(
            "PATCH",
            MODELDEPLOYMENTS,
            MODELDEPLOYMENTS.path(key.namespace, key.name, "status"),
            {
                "apiVersion": MODELDEPLOYMENTS.api_version,
                "kind": MODELDEPLOYMENTS.kind,
                "metadata": {
                    "name": key.name,
                    "namespace": key.namespace,
                    "uid": owner.uid,
                    "resourceVersion": owner.version,
                },
                "status": status,
            },
            query={"fieldManager": STATUS_MANAGER, "force": "true"},
            content_type=APPLY,
            accept=METADATA,
        )

    def _tell(self, key: Key, uid: str, previous: JsonObject, status: JsonObject) -> None:
        """An Event for each condition that came to another reason. Ready repeats the others, so it is left out.

        Where a condition begins to be known, a Normal reason is no news; four Events per new object would say nothing.
        """
        told: dict[str, Happening] = {}
        before = {
            one["type"]: one.get("reason") for one in previous.get("conditions") or () if one.get("status") in _KNOWN
        }
        for one in status.get("conditions") or ():
            known, kind = before.get(one["type"]), event_type(one["reason"])
            news = (kind == "Warning" or known is not None) and known != one["reason"]
            if news and one["type"] != "Ready" and one["status"] != "Unknown":
                told[one["reason"]] = Happening(key, uid, kind, one["reason"], one["message"] or one["reason"])
        for happening in told.values():  # a refusal stands in several conditions
            self._events.tell(happening)

    def _show(self, key: Key, status: JsonObject) -> None:
        """Conditions as metrics."""
        values = {"True": 1, "False": 0}
        for one in status.get("conditions") or ():
            metrics.condition.labels(key.namespace, key.name, one["type"]).set(values.get(one["status"], -1))

    def _forget(self, key: Key) -> None:
        self._visits.sync(key, None, "", ())
        metrics.condition.remove_by_labels({"namespace": key.namespace, "name": key.name})

    def _outcome(self, problem: PacelineError | None, assessment: Assessment) -> Outcome:
        if problem is None:
            return Outcome(again_after=assessment.requeue_seconds)
        if problem.retry:
            return Outcome(problem.reason, failed=True)
        return Outcome(problem.reason, again_after=float(self._settings().resync_seconds))


def want(body: JsonObject, settings: OperatorSettings) -> Wanted:
    """Parse, plan and render. Pure.

    Raises:
        Stalled: reason InvalidSpec, where not even the object can be read.
    """
    md = ModelDeployment.parse(body)
    try:
        profile = find_profile(settings.profiles, md.spec.hardware.profile)
        planned = plan(md, profile, EngineImages(engine_sim=settings.images.engine_sim))
    except Stalled as error:
        return Wanted(md, problem=error)
    return Wanted(md, planned, children(md, profile, planned))
