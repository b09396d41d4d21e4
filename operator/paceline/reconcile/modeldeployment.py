"""The story of a ModelDeployment: observe, decide, render, apply, summarise, one status write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from paceline import metrics
from paceline.api import reasons
from paceline.api.conditions import conditions_of
from paceline.api.names import child_name
from paceline.decide.front import NOWHERE, Front
from paceline.decide.health import Assessment, assess, refused, unseen
from paceline.decide.observation import Children, DeploymentView, Observation, ReplicaSetView
from paceline.decide.status import refuse, summarise
from paceline.decide.views import replica_set_view
from paceline.engines.key import contents
from paceline.errors import Conflict, Fenced, PacelineError, Pending, Stalled, Transient, Waiting
from paceline.kube.apply import Applier
from paceline.kube.cache import Cache, Child, Owner
from paceline.kube.client import Api
from paceline.kube.events import Events
from paceline.kube.family import MODELS
from paceline.kube.keys import Keys
from paceline.kube.places import Places
from paceline.kube.resources import (
    BY_KIND,
    CONTROLLERREVISIONS,
    DEPLOYMENTS,
    REPLICASETS,
    SERVICES,
    JsonObject,
    Key,
    Resource,
    key_of,
)
from paceline.kube.scrape import Visits
from paceline.reconcile.children import children_of
from paceline.reconcile.living import lives
from paceline.reconcile.outcome import Outcome
from paceline.reconcile.status_writer import StatusWriter
from paceline.reconcile.wanted import Wanted, want
from paceline.settings import OperatorSettings, now

_KEY_PREFIX = "pl-"


class ModelDeployments:
    """Everything a reconcile needs, and the reconcile.

    Args:
        api: The API server.
        cache: Of ModelDeployments and their children.
        events: What is told.
        visits: To engines.
        settings: In force.
        front: Where users ask one, and what they met; it is given the endpoint that the status has.
    """

    def __init__(
        self,
        api: Api,
        cache: Cache,
        events: Events,
        visits: Visits,
        settings: Callable[[], OperatorSettings],
        front: Callable[[Key, str], Front] = lambda *_: NOWHERE,
    ) -> None:
        self._api = api
        self._cache = cache
        self._status = StatusWriter(api, cache, events, reasons.BY_NAME, metrics.condition)
        self._visits = visits
        self._settings = settings
        self._front = front
        self._applier = Applier(api, cache)
        self._places = Places(api, lambda: settings().read_nodes)
        self._keys = Keys(api, _KEY_PREFIX, contents)

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
            wanted = await self._want(key, owner)
        except Stalled as error:
            return await self._refuse(key, owner, previous, error)
        if previous and self._lacks(key, owner.uid, wanted) and not await lives(self._api, self._cache, key, owner):
            self._forget(key)
            return Outcome("gone")
        try:
            failed = await self._apply(key, owner, wanted) if wanted.manifests else None
            # What could not be begun is not on its way.
            problem = failed if failed and isinstance(wanted.problem, Pending) else wanted.problem or failed
        except Transient as error:
            await self._begin(key, owner, previous, error)
            raise
        observation = self._observe(key, wanted, self._front(key, str(previous.get("endpoint", ""))))
        self._visits.sync(key, wanted.plan, observation.revision, observation.pods)
        at = now()
        assessment = assess(wanted.md, wanted.plan, observation, at, problem=problem)
        status = summarise(wanted.md, wanted.plan, observation, assessment, previous, at, wanted.choice, wanted.way)
        await self._status.say(key, owner, previous, status)
        return self._outcome(problem, assessment, wanted.again_after)

    async def _want(self, key: Key, owner: Owner) -> Wanted:
        """What the spec comes to, nodes and quotas asked only while pods of it are still to come."""
        found = await self._known(key, owner.uid)
        wanted = want(owner.body, self._settings(), found)
        if not wanted.awaits_pods(found):
            return wanted
        return wanted.placed(found, await self._places.look(key.namespace))

    async def _refuse(self, key: Key, owner: Owner, previous: JsonObject, problem: Stalled) -> Outcome:
        """Say of an object that cannot even be read what is wrong with it. Its children stay as they are."""
        assessment = refused(owner.generation, conditions_of(previous), problem)
        await self._status.say(key, owner, previous, refuse(owner.generation, assessment, previous, now()))
        return self._outcome(problem, assessment)

    def _lacks(self, key: Key, uid: str, wanted: Wanted) -> bool:
        """Whether children have to be made. Those of a new object come without saying, later ones are missed."""
        there = {(resource, name) for resource, name, child in self._cache.owned(key) if child.owner_uid == uid}
        return any((BY_KIND[one["kind"]], key_of(one)) not in there for one in wanted.manifests)

    async def _begin(self, key: Key, owner: Owner, previous: JsonObject, error: Transient) -> None:
        """Say at least that nothing is known, where a new object's children cannot be applied just now."""
        if not previous.get("conditions") and not isinstance(error, (Conflict, Fenced)):
            status = refuse(owner.generation, unseen(owner.generation, error), previous, now())
            await self._status.say(key, owner, previous, status)

    async def _apply(self, key: Key, owner: Owner, wanted: Wanted) -> PacelineError | None:
        """Apply the children; a failure that users should see is returned, any other one raised.

        Without its key no engine is applied: the pods of the revision before serve on.
        """
        names = wanted.choice.obsolete if wanted.choice else ()
        obsolete = [Key(key.namespace, name) for name in names]
        try:
            if wanted.key:
                missed = any(pod.lacks_key for pod in children_of(self._cache, key, owner.uid).pods)
                await self._keys.ensure(key, owner.uid, wanted.key, missed=missed)
            prune = wanted.problem is None
            await self._applier.apply(key, owner.uid, wanted.manifests, obsolete=obsolete, prune=prune)
        except (Stalled, Waiting) as error:
            return error
        return None

    async def _known(self, key: Key, uid: str) -> Children:
        """What there is, with all revisions that decide which template is in force.

        Revisions are not watched. Where the Deployment runs one that the cache does not have (a leader before this one
        made it a moment ago), a decision without it would roll that one back. And what the Deployment is told next
        depends on what it was told last, also where no watch has shown that yet.
        """
        await self._catch_up(key)
        found = children_of(self._cache, key, uid)
        if found.deployment is None:
            return found
        if found.deployment.revision not in {one.label for one in found.revisions}:
            for item in await self._labelled(CONTROLLERREVISIONS, key):
                child = Child.parse(MODELS, CONTROLLERREVISIONS, item)
                if child is not None:
                    self._cache.put(CONTROLLERREVISIONS, key_of(item), child)
            found = children_of(self._cache, key, uid)
        if found.deployment is not None and found.deployment.paused:
            return replace(found, replica_sets=await self._replica_sets(key))
        return found

    async def _catch_up(self, key: Key) -> None:
        """Read the Deployment if its spec is known to be newer than what was seen of it."""
        place = _engine(key)
        child = self._cache.children[DEPLOYMENTS].get(place)
        if child is None or (isinstance(child.view, DeploymentView) and child.view.generation >= child.generation):
            return
        live = await self._api.get(DEPLOYMENTS, place.namespace, place.name)
        seen = Child.parse(MODELS, DEPLOYMENTS, live) if live is not None else None
        if seen is not None:
            self._cache.put(DEPLOYMENTS, place, seen)

    async def _replica_sets(self, key: Key) -> tuple[ReplicaSetView, ...] | None:
        """Those that the Deployment made; None where the operator may not read them."""
        try:
            sets = await self._labelled(REPLICASETS, key)
        except (Stalled, Waiting):
            return None
        return tuple(replica_set_view(one) for one in sets if self._made(key, one))

    async def _labelled(self, resource: Resource, key: Key) -> list[JsonObject]:
        """Live objects that carry an owner's label."""
        _, items = await self._api.items(resource, key.namespace, selector=MODELS.of(key.name))
        return items

    def _made(self, key: Key, replica_set: JsonObject) -> bool:
        """Whether the Deployment that is known made that ReplicaSet."""
        child = self._cache.children[DEPLOYMENTS].get(_engine(key))
        owners = replica_set["metadata"].get("ownerReferences") or ()
        return child is not None and any(one.get("uid") == child.uid for one in owners)

    def _observe(self, key: Key, wanted: Wanted, front: Front) -> Observation:
        """What is known after the apply."""
        found = children_of(self._cache, key, wanted.md.uid)
        place = _engine(key)
        service = self._cache.children[SERVICES].get(place)
        return Observation(
            revision=wanted.choice.revision.label if wanted.choice else "",
            deployment=found.deployment,
            service=place.name if service is not None and service.owner_uid == wanted.md.uid else "",
            pods=found.pods,
            answers=self._visits.answers(key),
            latency=self._visits.latency(key),
            revisions=found.revisions,
            drift=wanted.choice.drift if wanted.choice else "",
            way=wanted.way.words if wanted.way else "",
            model=wanted.model,
            fit=wanted.fit,
            front=front,
        )

    def _forget(self, key: Key) -> None:
        self._keys.forget(key)
        self._visits.sync(key, None, "", ())
        self._status.forget(key)

    def _outcome(
        self, problem: PacelineError | None, assessment: Assessment, again_after: float | None = None
    ) -> Outcome:
        if problem is None:
            return Outcome(again_after=again_after or assessment.requeue_seconds)
        if problem.retry:
            return Outcome(problem.reason, failed=True)
        resync = float(self._settings().resync_seconds)
        return Outcome(problem.reason, again_after=min(resync, again_after or problem.look_seconds or resync))


def _engine(owner: Key) -> Key:
    """Key of an owner's Deployment and of its Service."""
    return Key(owner.namespace, child_name(owner.namespace, owner.name))
