"""A namespace of its own for one run: the operator behind its proxy, restarted when it was killed, and the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from paceline.kube.resources import Resource
from tests.examiner.journal import Journal
from tests.examiner.lens import Lens
from tests.examiner.tenant import PROFILES, Tenant
from tests.examiner.tower import Tower
from tests.faultproxy.calls import calls
from tests.faultproxy.proxy import FaultProxy, proxying
from tests.support.objects import Objects
from tests.support.operator_process import OperatorProcess, configuration
from tests.support.waiting import wait_until

NAMESPACES = Resource("", "v1", "namespaces", "Namespace")
#: Two cores serve several operators that start at once.
_START_SECONDS = 60.0
_WATCHES = 4


class EndedByItselfError(AssertionError):
    """The operator ended, and nobody had killed it."""


@dataclass
class Room:
    """One run's place.

    Attributes:
        operator: Restarted by `look` after each `kill`.
        kills: How often the operator was killed.
    """

    tenant: Tenant
    proxy: FaultProxy
    operator: OperatorProcess
    journal: Journal = field(default_factory=Journal)
    lens: Lens = field(default_factory=Lens)
    kills: int = 0
    _restarts: int = 0

    def kill(self) -> None:
        """SIGKILL; `look` starts it again, as a kubelet would."""
        self.kills += 1
        self.operator.kill()

    def look(self) -> None:
        """Restart the operator if it was killed.

        Raises:
            EndedByItselfError: it ended otherwise.
        """
        if self.operator.alive:
            return
        if self._restarts == self.kills:
            raise EndedByItselfError(f"the operator ended by itself: {self.operator.tail}")
        self._restarts = self.kills
        self.operator.start()

    def until(self, holds: Callable[[], object], seconds: float, what: str) -> None:
        """Wait, and keep the operator alive meanwhile."""

        def seen() -> object:
            self.look()
            return holds()

        wait_until(seen, seconds, what)

    def quiet(self, seconds: float, deadline: float) -> bool:
        """Whether the operator writes nothing for that long, before a deadline from now."""
        end = time.monotonic() + deadline
        begun = time.monotonic()

        def still() -> bool:
            last = max((write.at for write in self.journal.writes), default=0.0)
            return time.monotonic() - max(last, begun) >= seconds or time.monotonic() > end

        self.until(still, deadline + 5, "the operator is quiet")
        return time.monotonic() <= end


@dataclass
class Hall:
    """Where the rooms are: one cluster, one tower for all."""

    kubeconfig: Path
    objects: Objects
    tower: Tower
    folder: Path

    @contextmanager
    def room(self, namespace: str, lens: Lens | None = None) -> Iterator[Room]:
        """A namespace with an operator that leads and watches; all of it is gone afterwards."""
        folder = self.folder / namespace
        folder.mkdir()
        lens, journal = lens or Lens(), Journal()
        with self.namespace(namespace), proxying(self.kubeconfig, journal.take, lens) as proxy:
            settings = configuration(namespace, profiles=PROFILES)
            operator = OperatorProcess(folder, settings, proxy.kubeconfig(folder), "one-pod", measured=False)
            room = Room(self.tenant(namespace), proxy, operator, journal, lens)
            operator.start()
            try:
                room.until(lambda: proxy.watches(calls("watch")) >= _WATCHES, _START_SECONDS, "it watches")
                room.until(lambda: operator.get("/readyz") == 200 and operator.leads(), _START_SECONDS, "it leads")
                yield room
            finally:
                operator.kill()

    def tenant(self, namespace: str) -> Tenant:
        """The model of a namespace."""
        return Tenant(namespace, self.objects, self.tower)

    @contextmanager
    def namespace(self, name: str) -> Iterator[None]:
        """A namespace for as long as the block lasts; its end is not waited for."""
        answer = self.objects.client.post(NAMESPACES.path(None), json={"metadata": {"name": name}})
        assert answer.status_code == 201, answer.text
        try:
            yield
        finally:
            self.objects.client.delete(NAMESPACES.path(None, name))
