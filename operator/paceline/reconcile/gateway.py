"""The story of a Gateway: translate, number and put up its program, apply its pods, one status write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from paceline import metrics
from paceline.api import gateway_reasons as reasons
from paceline.api.gateway import KIND, Gateway
from paceline.decide.gateway_health import Remark, Report, Seen, assess, refused
from paceline.decide.gateway_status import address, refuse, summarise
from paceline.decide.observation import DeploymentView, PodView
from paceline.errors import PacelineError, Stalled, Waiting
from paceline.gateway import snapshot
from paceline.gateway.claims import claimed
from paceline.gateway.observation import Model
from paceline.gateway.stamp import Stamp, stamp_of, stamped
from paceline.gateway.terms import Terms, requeued
from paceline.kube.apply import Applier
from paceline.kube.cache import Cache
from paceline.kube.client import Api
from paceline.kube.events import Events
from paceline.kube.resources import CONFIGMAPS, JsonObject, Key
from paceline.kube.values import KEPT_SECONDS
from paceline.reconcile.living import lives
from paceline.reconcile.moves import MadeOf, Moves
from paceline.reconcile.outcome import Outcome
from paceline.reconcile.remembered import Remembered
from paceline.reconcile.status_writer import StatusWriter
from paceline.reconcile.workshop import Work, Workshop
from paceline.render.gateway import COUNT, GatewaySetup, children
from paceline.render.gateway.pod import FILES
from paceline.render.gateway.stamp import stamp, stamp_name
from paceline.settings import OperatorSettings, now
from paceline.snapshots.board import Board


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a Gateway is, for its Consumers and for the ModelDeployments behind it.

    Attributes:
        served: Every pod has the program.
        reached: Every pod has had one at some time.
        answers: The ModelDeployments that its routes lead to.
        issuers: Why a pod has no keys of an issuer of tokens, by the issuers' addresses.
    """

    work: Work
    served: bool
    reached: bool = False
    answers: frozenset[Key] = frozenset()
    issuers: Mapping[str, str] = field(default_factory=dict)

    @property
    def told(self) -> tuple[object, ...]:
        """What its Consumers read of it."""
        made = self.work.translation
        return self.served, self.issuers, self.work.generations, made.findings, made.terms


class Gateways:
    """Everything that a reconcile needs, and the reconcile.

    Args:
        api: The API server.
        cache: Of Gateways.
        workshop: Translates.
        board: Where agents find their programs, and what they said.
        moves: Puts programs up there.
        events: What is told.
        settings: In force.
        authority: Who signed the certificate that agents are shown, as PEM; raises Waiting while nobody has.
        changed: Called with a Gateway's key when its standing changed.
        contended: Called with a Gateway's key when another one took or left a host name that it wants.
        led: Called after each look with the ModelDeployments that it leads to otherwise than before.
    """

    def __init__(
        self,
        api: Api,
        cache: Cache,
        workshop: Workshop,
        board: Board,
        moves: Moves,
        events: Events,
        settings: Callable[[], OperatorSettings],
        authority: Callable[[], str],
        changed: Callable[[Key], None],
        contended: Callable[[Key], None],
        led: Callable[[frozenset[Key]], None],
    ) -> None:
        self._api = api
        self._cache = cache
        self._workshop = workshop
        self._board = board
        self._moves = moves
        self._settings = settings
        self._authority = authority
        self._changed = changed
        self._contended = contended
        self._led = led
        self._applier = Applier(api, cache)
        self._status = StatusWriter(api, cache, events, reasons.BY_NAME, metrics.gateway_condition)
        self._stamps: dict[Key, Stamp] = {}
        self._remembered = Remembered()
        #: Of all Gateways that were looked at and can be read.
        self.standings: dict[Key, Standing] = {}
        self._claims: dict[Key, frozenset[tuple[str, int]]] = {}
        self._looked: set[Key] = set()
        self._leaving: dict[Key, Terms] = {}

    def begin(self) -> None:
        """A term of leading begins: another process may have numbered and heard agents meanwhile."""
        self._stamps.clear()
        self._remembered = Remembered()
        self._board.begin()

    async def reconcile(self, key: Key) -> Outcome:
        """Bring the program, the pods and the status of one Gateway to what they should be.

        Raises:
            PacelineError: what no condition shows (a conflict, the network, the Lease); the worker tries again.
        """
        owner = self._cache.owners.get(key)
        if owner is None or owner.deleting:  # its children go with it, by their owner references
            self._forget(key)
            return Outcome("gone")
        self._looked.add(key)
        previous = owner.body.get("status") or {}
        try:
            gateway = Gateway.parse(owner.body)
        except Stalled as unread:
            self._claim(key, frozenset())
            conditions = refused(owner.generation, unread)
            await self._status.say(key, owner, previous, refuse(owner.generation, conditions, previous, now()))
            self._led(frozenset())
            return Outcome(unread.reason, again_after=float(self._settings().resync_seconds))
        if previous and self._lacks(key, owner.uid) and not await lives(self._api, self._cache, key, owner):
            self._forget(key)
            return Outcome("gone")
        self._claim(key, claimed(gateway))
        mark = self._moves.mark
        work = await self._workshop.work(gateway, [pod for pod in self._pods(key) if pod.ready and not pod.deleting])
        problem = await self._carry_out(key, MadeOf(work, mark))
        seen = self._seen(key, work, previous)
        self._stand(key, work, seen)
        for model in self._moves.since(mark):  # what was read before must not undo what is known by now
            self.moved(key, model)
        made = work.translation
        status = summarise(
            gateway,
            seen,
            assess(gateway, seen, problem),
            len(made.gateway.routes),
            made.unhealthy,
            previous,
            now(),
        )
        await self._status.say(key, owner, previous, status)
        if problem is not None:
            return Outcome(problem.reason, again_after=KEPT_SECONDS, failed=problem.retry)
        return Outcome(again_after=KEPT_SECONDS)

    def _lacks(self, key: Key, uid: str) -> bool:
        """Whether children have to be made. Those of a new object come without saying, later ones are missed."""
        applied = self._cache.family.applied
        there = [child for resource, _, child in self._cache.owned(key) if resource in applied]
        return sum(child.owner_uid == uid and not child.deleting for child in there) < COUNT

    def _pods(self, key: Key) -> tuple[PodView, ...]:
        return tuple(child.view for _, _, child in self._cache.owned(key) if isinstance(child.view, PodView))

    @property
    def complete(self) -> bool:
        """Whether every Gateway was looked at."""
        return not self._cache.owners.keys() - self._looked

    def led_to(self) -> set[Key]:
        """The ModelDeployments that a Gateway leads to."""
        return {key for each in self.standings.values() for key in each.answers}

    def terms(self) -> list[Terms] | None:
        """For the ledger: of every Gateway, and of those that are gone as long as they have pods.

        Returns:
            None while some were not looked at yet.
        """
        if not self.complete:
            return None
        for key in [key for key in self._leaving if key in self.standings or not self._pods(key)]:
            del self._leaving[key]
        return [*(one.work.translation.terms for one in self.standings.values()), *self._leaving.values()]

    def moved(self, key: Key, model: Model) -> bool:
        """Pods of a ModelDeployment came or went, and nothing else changed; whether the ledger is to know."""
        known = self.standings.get(key)
        if known is None:
            return False
        made = known.work.translation
        terms = requeued(made.terms, model)
        if terms != made.terms:
            work = replace(known.work, translation=replace(made, terms=terms))
            self.standings[key] = replace(known, work=work)
        return terms != made.terms

    async def _carry_out(self, key: Key, made_of: MadeOf) -> PacelineError | None:
        """Number the program, put it up, and apply the pods; a failure that users should see is returned.

        A number is kept by the API server before an agent sees it: the next leader goes on from there.
        """
        work = made_of.work
        gateway, made = work.gateway, work.translation
        program, addresses = snapshot.program(made.gateway, work.secrets, work.teams, FILES, work.graces)
        try:
            before = self._stamps.get(key) or await self._kept(key)
            number = stamped(before, program.digest, self._told(key))
            kept = stamp(gateway, number.data)
            if before != number:
                await self._applier.apply(key, gateway.uid, [kept], prune=False)
            self._stamps[key] = number
            self._moves.post(key, number, program, addresses, made_of)
            manifests = [kept, *children(gateway, self._setup(), made.mounts)]
            await self._applier.apply(key, gateway.uid, manifests)
        except (Stalled, Waiting) as problem:
            return problem
        return None

    async def _kept(self, key: Key) -> Stamp | None:
        """The number that a leader before this one gave."""
        live = await self._api.get(CONFIGMAPS, key.namespace, stamp_name(key.namespace, key.name))
        return stamp_of((live or {}).get("data"))

    def _told(self, key: Key) -> int:
        """The highest number that an agent has."""
        posting = self._board.of(key)
        return max((report.generation for report in posting.reports.values()), default=0) if posting else 0

    def _setup(self) -> GatewaySetup:
        settings = self._settings()
        given = settings.gateways
        return GatewaySetup(
            proxy_image=settings.images.envoy,
            agent_image=settings.images.agent,
            operator_url=f"https://{given.operator_host}:{settings.server.agents_port}",
            ledger_url=f"https://{given.ledger_host}:{given.ledger_port}",
            authority=self._authority(),
            adapter=given.adapter,
        )

    def _seen(self, key: Key, work: Work, previous: JsonObject) -> Seen:
        deployment = next(
            (
                child.view
                for _, _, child in self._cache.owned(key)
                if isinstance(child.view, DeploymentView) and child.owner_uid == work.gateway.uid
            ),
            None,
        )
        pods = self._pods(key)
        self._board.keep(key, frozenset(pod.name for pod in pods))
        posting = self._board.of(key)
        reports = {**self._remembered.reports(key, previous, pods), **(posting.reports if posting else {})}
        number = self._stamps.get(key)
        remarks = tuple(
            Remark(reasons.BY_NAME[each.reason], each.subject, each.message)
            for each in work.translation.findings
            if each.kind == KIND
        )
        return Seen(deployment, pods, number.generation if number else 0, reports, remarks)

    def _stand(self, key: Key, work: Work, seen: Seen) -> None:
        before, served = self.standings.get(key), _served(seen)
        reached = served or (before is not None and before.reached)
        answers = frozenset(Key(*each.name.split("/", 1)) for each in work.translation.terms.deployments)
        standing = self.standings[key] = Standing(work, served, reached, answers, seen.issuers)
        if before is None or before.told != standing.told:
            self._changed(key)
        if before is None or (before.reached, address(before.work.gateway)) != (reached, address(work.gateway)):
            self._led(answers | (before.answers if before else frozenset()))
        else:
            self._led(answers ^ before.answers)

    def _claim(self, key: Key, names: frozenset[tuple[str, int]]) -> None:
        """Have those looked at again who want a host name that a Gateway takes or leaves."""
        moved = self._claims.pop(key, frozenset()) ^ names
        for other in [other for other, wanted in self._claims.items() if wanted & moved]:
            self._contended(other)
        if names:
            self._claims[key] = names

    def _forget(self, key: Key) -> None:
        self._claim(key, frozenset())
        self._board.remove(key)
        self._moves.remove(key)
        self._status.forget(key)
        self._stamps.pop(key, None)
        self._remembered.forget(key)
        self._looked.discard(key)
        gone = self.standings.pop(key, None)
        if gone:
            self._leaving[key] = gone.work.translation.terms
            self._changed(key)
            self._led(gone.answers)


def _served(seen: Seen) -> bool:
    """Whether every pod that is not on its way out has the program."""
    told = [seen.reports.get(pod.name, Report(0)).generation for pod in seen.live]
    return bool(told) and seen.generation > 0 and min(told) >= seen.generation
