"""A namespace of its own for one run: the operator behind its proxy, restarted when it was killed, and the model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paceline.kube.resources import Resource
from tests.examiner.courier import carrying
from tests.examiner.door import Door
from tests.examiner.journal import Journal
from tests.examiner.lens import Lens
from tests.examiner.tenant import PROFILES, Tenant
from tests.examiner.tower import Tower
from tests.faultproxy.calls import calls
from tests.faultproxy.proxy import FaultProxy, proxying
from tests.support.certificates import certificate_for
from tests.support.objects import Objects
from tests.support.operator_process import OperatorProcess, configuration
from tests.support.ports import free_port
from tests.support.waiting import wait_until

NAMESPACES = Resource("", "v1", "namespaces", "Namespace")
#: Two cores serve several operators that start at once.
_START_SECONDS = 60.0
#: Of our kinds, Deployments, pods and EndpointSlices.
_WATCHES = 6


class EndedByItselfError(AssertionError):
    """The operator ended, and nobody had killed it."""


@dataclass
class Room:
    """One run's place.

    Attributes:
        operator: Restarted by `look` after each `kill`.
        kills: How often the operator was killed.
        door: Where a Gateway is examined.
    """

    tenant: Tenant
    proxy: FaultProxy
    operator: OperatorProcess
    journal: Journal = field(default_factory=Journal)
    lens: Lens = field(default_factory=Lens)
    kills: int = 0
    door: Door | None = None
    _restarts: int = 0

    @property
    def subject(self) -> Tenant | Door:
        """What is examined."""
        return self.door or self.tenant

    def told(self) -> str:
        """What is said of the Gateway, for failures."""
        return f"; what is said: {self.door.told()}, {self.door.courier.broken}" if self.door else ""

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
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def room(self, namespace: str, lens: Lens | None = None, *, door: bool = False) -> Iterator[Room]:
        """A namespace with an operator that leads and watches; all of it is gone afterwards.

        Args:
            namespace: Its name.
            lens: What the operator sees.
            door: For a Gateway besides the model.
        """
        folder = self.folder / namespace
        folder.mkdir()
        lens, journal = lens or Lens(), Journal()
        with ExitStack() as stack:
            stack.enter_context(self.namespace(namespace))
            proxy = stack.enter_context(proxying(self.kubeconfig, journal.take, lens))
            port = free_port()
            settings = configuration(namespace, profiles=PROFILES, **(self._doors(port) if door else {}))
            operator = OperatorProcess(folder, settings, proxy.kubeconfig(folder), "one-pod", measured=False)
            room = Room(self.tenant(namespace), proxy, operator, journal, lens)
            if door:
                authority = self._certificates() / "ca.crt"
                courier = stack.enter_context(carrying(namespace, self.objects, self.tower, port, authority))
                room.door = Door(room.tenant, courier)
            operator.start()
            try:
                room.until(lambda: proxy.watches(calls("watch")) >= _WATCHES, _START_SECONDS, "it watches")
                room.until(lambda: operator.get("/readyz") == 200 and operator.leads(), _START_SECONDS, "it leads")
                yield room
            finally:
                operator.kill()

    def _doors(self, port: int) -> dict[str, Any]:
        """What the operator's configuration says of gateways."""
        return {"gateways": {"tlsFolder": str(self._certificates())}, "server": {"agentsPort": port}}

    def _certificates(self) -> Path:
        """The folder with the certificate that operators show to agents, the same in each run."""
        folder = self.folder / "tls"
        with self._lock:
            if not folder.exists():
                folder.mkdir()
                certificate, key = certificate_for("localhost")
                for name, content in (("ca.crt", certificate), ("tls.crt", certificate), ("tls.key", key)):
                    (folder / name).write_bytes(content)
        return folder

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
