"""The story of a Gateway: translate, number and put up its program, apply its pods, one status write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paceline import metrics
from paceline.api import gateway_reasons as reasons
from paceline.api.gateway import KIND, Gateway
from paceline.decide.gateway_health import Remark, Report, Seen, assess, refused
from paceline.decide.gateway_status import refuse, summarise
from paceline.decide.observation import DeploymentView, PodView
from paceline.errors import PacelineError, Stalled, Waiting
from paceline.gateway import snapshot
from paceline.gateway.claims import claimed
from paceline.gateway.stamp import Stamp, stamp_of, stamped
from paceline.gateway.terms import Terms
from paceline.kube.apply import Applier
from paceline.kube.cache import Cache
from paceline.kube.client import Api
from paceline.kube.events import Events
from paceline.kube.resources import CONFIGMAPS, JsonObject, Key
from paceline.kube.values import KEPT_SECONDS
from paceline.reconcile.living import lives
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
    """How far a Gateway is, for its Consumers.

    Attributes:
        served: Every pod has the program.
    """

    work: Work
    served: bool

    @property
    def told(self) -> tuple[object, ...]:
        """What its Consumers read of it."""
        made = self.work.translation
        return self.served, self.work.generations, made.findings, made.terms


class Gateways:
    """Everything that a reconcile needs, and the reconcile.

    Args:
        api: The API server.
        cache: Of Gateways.
        workshop: Translates.
        board: Where agents find their programs.
        events: What is told.
        settings: In force.
        changed: Called with a Gateway's key when its standing changed.
        contended: Called with a Gateway's key when another one took or left a host name that it wants.
    """

    def __init__(
        self,
        api: Api,
        cache: Cache,
        workshop: Workshop,
        board: Board,
        events: Events,
        settings: Callable[[], OperatorSettings],
        changed: Callable[[Key], None],
        contended: Callable[[Key], None],
    ) -> None:
        self._api = api
        self._cache = cache
        self._workshop = workshop
        self._board = board
        self._settings = settings
        self._changed = changed
        self._contended = contended
        self._applier = Applier(api, cache)
        self._status = StatusWriter(api, cache, events, reasons.BY_NAME, metrics.gateway_condition)
        self._stamps: dict[Key, Stamp] = {}
        self._remembered = Remembered()
        #: Of all Gateways that were looked at and can be read.
        self.standings: dict[Key, Standing] = {}
        self._claims: dict[Key, frozenset[tuple[str, int]]] = {}
        self._looked: set[Key] = set()
        self._leaving: dict[Key, Terms] = {}

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
            return Outcome(unread.reason, again_after=float(self._settings().resync_seconds))
        if previous and self._lacks(key, owner.uid) and not await lives(self._api, self._cache, key, owner):
            self._forget(key)
            return Outcome("gone")
        self._claim(key, claimed(gateway))
        work = await self._workshop.work(gateway, [pod for pod in self._pods(key) if pod.ready and not pod.deleting])
        problem = await self._carry_out(key, work)
        seen = self._seen(key, work, previous)
        self._stand(key, Standing(work, _served(seen)))
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

    def terms(self) -> list[Terms] | None:
        """For the ledger: of every Gateway, and of those that are gone as long as they have pods.

        Returns:
            None while some were not looked at yet.
        """
        if self._cache.owners.keys() - self._looked:
            return None
        for key in [key for key in self._leaving if key in self.standings or not self._pods(key)]:
            del self._leaving[key]
        return [*(one.work.translation.terms for one in self.standings.values()), *self._leaving.values()]

    async def _carry_out(self, key: Key, work: Work) -> PacelineError | None:
        """Number the program, put it up, and apply the pods; a failure that users should see is returned.

        A number is kept by the API server before an agent sees it: the next leader goes on from there.
        """
        gateway, made = work.gateway, work.translation
        program, addresses = snapshot.program(made.gateway, work.secrets, work.teams, FILES)
        try:
            before = self._stamps.get(key) or await self._kept(key)
            number = stamped(before, program.digest, self._told(key))
            kept = stamp(gateway, number.data)
            if before != number:
                await self._applier.apply(key, gateway.uid, [kept], prune=False)
            self._stamps[key] = number
            self._board.post(key, number, program, addresses)
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
            authority=_authority(Path(given.tls_folder) / "ca.crt"),
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

    def _stand(self, key: Key, standing: Standing) -> None:
        before = self.standings.get(key)
        self.standings[key] = standing
        if before is None or before.told != standing.told:
            self._changed(key)

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
        self._status.forget(key)
        self._stamps.pop(key, None)
        self._remembered.forget(key)
        self._looked.discard(key)
        gone = self.standings.pop(key, None)
        if gone:
            self._leaving[key] = gone.work.translation.terms
            self._changed(key)


def _served(seen: Seen) -> bool:
    """Whether every pod that is not on its way out has the program."""
    told = [seen.reports.get(pod.name, Report(0)).generation for pod in seen.live]
    return bool(told) and seen.generation > 0 and min(told) >= seen.generation


def _authority(file: Path) -> str:
    """Who signed the operator's certificate.

    Raises:
        Waiting: nobody has brought it yet.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file} cannot be read: {error}. Mount the certificate of the operator (chart value tls)."
        raise Waiting("ApplyRefused", message) from error
