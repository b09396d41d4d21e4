"""The story of a Consumer: make its key, look at what its Gateways say of it, one status write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from paceline import metrics
from paceline.api import consumer_reasons as reasons
from paceline.api.consumer import KIND, Consumer
from paceline.api.gateway import Gateway
from paceline.api.names import CONSUMER_TOKEN, KEY_PREFIX
from paceline.decide.consumer_health import Account, Gate, Remark, assess, refused, status_of
from paceline.errors import Conflict, PacelineError, Stalled, Waiting
from paceline.gateway.consumers import unresolved
from paceline.gateway.finding import Finding
from paceline.gateway.identities import unsigned
from paceline.gateway.offered import everywhere
from paceline.kube.cache import Cache, Owner
from paceline.kube.client import Api
from paceline.kube.events import Events
from paceline.kube.keys import Keys
from paceline.kube.resources import Key
from paceline.kube.values import KEPT_SECONDS
from paceline.reconcile.gateway import Standing
from paceline.reconcile.living import lives
from paceline.reconcile.neighbours import Neighbours
from paceline.reconcile.outcome import Outcome
from paceline.reconcile.status_writer import StatusWriter
from paceline.reconcile.workshop import Workshop
from paceline.render.consumer import consumer_key
from paceline.settings import now


class Consumers:
    """Everything that a reconcile needs, and the reconcile.

    Args:
        api: The API server.
        cache: Of Consumers.
        neighbours: What there is besides.
        workshop: Reads the Secrets that translations need.
        events: What is told.
        standings: How far each Gateway is.
        changed: Called with a Gateway's key when the key of one of its Consumers was made.
        account: Tells how the budgets of a Consumer with some status stand.
    """

    def __init__(
        self,
        api: Api,
        cache: Cache,
        neighbours: Neighbours,
        workshop: Workshop,
        events: Events,
        standings: Mapping[Key, Standing],
        changed: Callable[[Key], None],
        account: Callable[[Consumer, object], Account],
    ) -> None:
        self._api = api
        self._cache = cache
        self._neighbours = neighbours
        self._workshop = workshop
        self._standings = standings
        self._changed = changed
        self._account = account
        self._keys = Keys(api, KEY_PREFIX, lambda key: {CONSUMER_TOKEN: key})
        self._status = StatusWriter(api, cache, events, reasons.BY_NAME, metrics.consumer_condition)

    async def reconcile(self, key: Key) -> Outcome:
        """Bring the key and the status of one Consumer to what they should be.

        Raises:
            PacelineError: what no condition shows (a conflict, the network, the Lease); the worker tries again.
        """
        owner = self._cache.owners.get(key)
        if owner is None or owner.deleting:
            self._keys.forget(key)
            self._status.forget(key)
            return Outcome("gone")
        previous = owner.body.get("status") or {}
        try:
            consumer = Consumer.parse(owner.body)
        except Stalled as unread:
            status = status_of(owner.generation, refused(owner.generation, unread), previous, now())
            await self._status.say(key, owner, previous, status)
            return Outcome(unread.reason, again_after=KEPT_SECONDS)
        problem = await self._see_to_key(key, owner, consumer)
        named = [Key(ref.namespace or consumer.namespace, ref.name) for ref in consumer.spec.gateway_refs]
        there = [(each, self._standings[each]) for each in named if each in self._standings]
        gateways = self._neighbours.every_gateway()
        if previous.get("observedGeneration") == owner.generation and self._early(named, gateways):
            return Outcome("early", again_after=KEPT_SECONDS)
        doors = [each for each in gateways if Key(each.namespace, each.name) in named]
        missing = unresolved(consumer, gateways, await self._neighbours.labels_for(doors))
        account = self._account(consumer, previous)
        conditions = assess(
            consumer, self._remarks(consumer, missing, there), _gates(key, consumer, named, there), problem, account
        )
        status = status_of(consumer.generation, conditions, previous, now(), consumer, account.shown)
        await self._status.say(key, owner, previous, status)
        if problem is not None:
            return Outcome(problem.reason, again_after=KEPT_SECONDS, failed=problem.retry)
        return Outcome(again_after=KEPT_SECONDS)

    async def _see_to_key(self, key: Key, owner: Owner, consumer: Consumer) -> PacelineError | None:
        """Make the key of a Consumer that names no credential; a failure that users should see is returned.

        Raises:
            Conflict: it is gone, and its key with it.
            PacelineError: what no condition shows.
        """
        if consumer.spec.credentials:
            return None
        try:
            if await self._workshop.lacks_key(consumer):
                if owner.body.get("status") and not await lives(self._api, self._cache, key, owner):
                    raise Conflict("Conflict", f"{key} was deleted")
                await self._keys.ensure(key, consumer.uid, consumer_key(consumer), missed=True)
                self._workshop.forget_key(consumer)  # a Gateway may have looked while it was being made
                for ref in consumer.spec.gateway_refs:
                    self._changed(Key(ref.namespace or consumer.namespace, ref.name))
        except (Stalled, Waiting) as problem:
            return problem
        return None

    def _early(self, named: Iterable[Key], gateways: Iterable[Gateway]) -> bool:
        """Whether this process has yet to look at a Gateway; what was said of it by the one before holds until then."""
        there = {Key(each.namespace, each.name) for each in gateways}
        return any(each in there and each not in self._standings for each in named)

    def _remarks(self, consumer: Consumer, missing: list[Finding], there: list[tuple[Key, Standing]]) -> list[Remark]:
        mine = [
            [each for each in standing.work.translation.findings if _about(each, consumer)] for _, standing in there
        ]
        lacking = {address: words for _, standing in there for address, words in standing.issuers.items()}
        found = sorted({*missing, *everywhere(mine), *unsigned(consumer, lacking)})
        return [Remark(reasons.BY_NAME[each.reason], each.message) for each in found]


def _about(finding: Finding, consumer: Consumer) -> bool:
    return (finding.kind, finding.namespace, finding.name) == (KIND, consumer.namespace, consumer.name)


def _gates(key: Key, consumer: Consumer, named: list[Key], there: list[tuple[Key, Standing]]) -> list[Gate]:
    """Each Gateway that is named, and whether it has the Consumer as it is now."""
    served = {
        each
        for each, standing in there
        if standing.served and standing.work.generations.get(key) == consumer.generation
    }
    return [Gate(str(each), each in served) for each in named]
