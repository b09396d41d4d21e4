"""The Lease: one process writes, the others watch.

Expiry is judged by observation: a candidate takes over when the Lease's record has not changed for its whole duration
on the candidate's own clock, so skewed wall clocks do no harm. The holder's right to write ends `renewDeadline` after
it *sent* its last successful renewal, measured on CLOCK_BOOTTIME, which goes on while a process or machine sleeps.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from paceline import metrics
from paceline.errors import Conflict, PacelineError, Transient
from paceline.kube.backoff import spread
from paceline.kube.cache import newer
from paceline.kube.client import Api
from paceline.kube.resources import LEASES, JsonObject
from paceline.settings import LeaderElection, boottime, now

log = logging.getLogger(__name__)

_MICRO = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True)
class Record:
    """What a Lease says.

    Attributes:
        holder: Identity of the holder; empty: released.
        version: resourceVersion.
        duration: Seconds of no change after which the Lease may be taken.
        transitions: Times the holder changed.
        acquired: RFC 3339 time at which the holder got it.
    """

    holder: str
    version: str
    duration: float
    transitions: int
    acquired: str

    @classmethod
    def parse(cls, lease: JsonObject, default_duration: float) -> Record:
        """A Record from a Lease object; fields that are missing mean a free Lease."""
        spec = lease.get("spec") or {}
        return cls(
            holder=spec.get("holderIdentity") or "",
            version=lease["metadata"]["resourceVersion"],
            duration=float(spec.get("leaseDurationSeconds") or default_duration),
            transitions=int(spec.get("leaseTransitions") or 0),
            acquired=spec.get("acquireTime") or "",
        )


class Deadline:
    """Until when this process may write. It is the fence that `Api.send` asks."""

    def __init__(self, margin: float, *, clock: Callable[[], float] = boottime) -> None:
        self._clock = clock
        self._margin = margin
        self._until = float("-inf")

    def extend(self, until: float) -> None:
        """Allow writing until that reading of the clock."""
        self._until = until

    def end(self) -> None:
        """Allow nothing more."""
        self._until = float("-inf")

    @property
    def held(self) -> bool:
        """True while new writes may be sent."""
        return self._clock() < self._until

    def remaining(self) -> float:
        """Seconds a write may be under way: until nobody else can have the Lease yet; 0 when not held."""
        return self._until + self._margin - self._clock() if self.held else 0.0


class Leader:
    """Takes, renews and gives back the Lease.

    Args:
        api: Client without a fence (the Lease is what makes the fence).
        config: Names and times.
        identity: Unique among the candidates.
        gained: Called when this process becomes the holder.
        lost: Called when it is the holder no longer.
        rewound: Called when the Lease is older than it was before: the API server's data come from a backup.
    """

    def __init__(
        self,
        api: Api,
        config: LeaderElection,
        identity: str,
        *,
        gained: Callable[[], None],
        lost: Callable[[], None],
        rewound: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = boottime,
        wall: Callable[[], datetime] = now,
    ) -> None:
        self.deadline = Deadline(config.lease_duration_seconds - config.renew_deadline_seconds, clock=clock)
        self._api = api
        self._config = config
        self._identity = identity
        self._gained = gained
        self._lost = lost
        self._rewound = rewound
        self._clock = clock
        self._wall = wall
        self._leading = False
        self._seen: Record | None = None
        self._seen_at = float("-inf")
        self._latest = ""

    @property
    def leading(self) -> bool:
        """True while the Lease is held and its deadline has not passed."""
        return self._leading and self.deadline.held

    async def run(self) -> None:
        """Try to get or keep the Lease until cancelled."""
        while True:
            try:
                await self.attempt()
            except PacelineError as error:
                log.warning("Lease %s: %s", self._config.lease_name, error)
            self._notice_expiry()
            await asyncio.sleep(self._pause())

    async def attempt(self) -> None:
        """One look at the Lease, and one write where it is ours or free."""
        begun = self._clock()
        lease = await self._api.get(LEASES, self._config.lease_namespace, self._config.lease_name)
        if lease is None:
            await self._write(begun, None)
            return
        record = Record.parse(lease, self._config.lease_duration_seconds)
        self._notice_rewind(record.version)
        if self._seen is None or record.version != self._seen.version:
            self._seen, self._seen_at = record, self._clock()  # not before it was read, or it is taken too early
        if record.holder == self._identity or not record.holder:
            await self._write(begun, record)
            return
        self._step_down("the Lease is held by %s", record.holder)
        if begun - self._seen_at >= record.duration:
            await self._write(begun, record)

    async def release(self) -> None:
        """Give the Lease back, so that the next candidate need not wait; at most 1.5 s, failures do not matter."""
        if not self._leading:
            return
        record = self._seen
        self._step_down("the Lease is given back", level=logging.INFO)  # first: no write of ours may follow the release
        if record is None:
            return
        try:
            async with asyncio.timeout(1.5):
                await self._put(self._lease(record, holder="", duration=1), record)
        except (PacelineError, TimeoutError) as error:
            log.warning("Lease %s was not given back: %s", self._config.lease_name, error)

    async def _write(self, begun: float, record: Record | None) -> None:
        """Write the Lease as ours; the server refuses it when somebody else was faster."""
        try:
            lease = await self._put(self._lease(record, self._identity, self._config.lease_duration_seconds), record)
        except Conflict:
            self._seen = None  # look again at the next attempt
            return
        except Transient:
            # The answer is lost, perhaps not the write: what we know of the Lease is old.
            self._seen = None
            raise
        self._seen, self._seen_at = Record.parse(lease, self._config.lease_duration_seconds), begun
        self._notice_rewind(self._seen.version)
        self._notice_expiry()  # a renewal that came too late begins a new term: meanwhile writes were dropped
        self.deadline.extend(begun + self._config.renew_deadline_seconds)
        if not self._leading:
            self._leading = True
            metrics.leader.set(1)
            metrics.leader_changes_total.labels("gained").inc()
            log.info("this process leads: %s", self._identity)
            self._gained()

    async def _put(self, lease: JsonObject, record: Record | None) -> JsonObject:
        name, namespace = self._config.lease_name, self._config.lease_namespace
        if record is None:
            return await self._api.send("POST", LEASES, LEASES.path(namespace), lease)
        lease["metadata"]["resourceVersion"] = record.version
        return await self._api.send("PUT", LEASES, LEASES.path(namespace, name), lease)

    def _lease(self, record: Record | None, holder: str, duration: int) -> JsonObject:
        stamp = self._wall().astimezone(UTC).strftime(_MICRO)
        ours = record is not None and record.holder == holder
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._config.lease_name, "namespace": self._config.lease_namespace},
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": duration,
                "acquireTime": (record.acquired if record and ours and record.acquired else stamp),
                "renewTime": stamp,
                "leaseTransitions": (record.transitions if record else 0) + (0 if ours or not holder else 1),
            },
        }

    def _notice_expiry(self) -> None:
        if self._leading and not self.deadline.held:
            self._step_down("the Lease could not be renewed in time")

    def _notice_rewind(self, version: str) -> None:
        """Each write makes a higher resourceVersion, and the Lease is read from etcd itself, never from a cache."""
        earlier, self._latest = self._latest, version
        if earlier and newer(earlier, version) and not newer(version, earlier):
            self._step_down("what the API server has is older than before, as after a restore of etcd")
            self._rewound()

    def _step_down(self, why: str, *arguments: object, level: int = logging.WARNING) -> None:
        if not self._leading:
            return
        self._leading = False
        self.deadline.end()
        metrics.leader.set(0)
        metrics.leader_changes_total.labels("lost").inc()
        log.log(level, "this process leads no longer: " + why, *arguments)  # noqa: G003 - both parts are ours
        self._lost()

    def _pause(self) -> float:
        """Seconds to the next attempt; candidates are spread, or they all try in the same instant."""
        return spread(self._config.retry_period_seconds, 0.2)
