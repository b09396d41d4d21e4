"""The queues of the deployments that this replica owns, and the requests that wait in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from paceline.api.ledger_config import LedgerDeployment
from paceline.decide.queue import Decision, Queue, Ticket
from paceline.ledger.service import metrics

_SECOND_US = 1_000_000
#: Requests that are over, of which it is heard from who sent the record and from the database: those of some seconds.
_REMEMBERED = 20_000
#: Gateways learn the address of a first engine at about the time at which the ledger does. Whoever is let through
#: before its gateway has it finds nobody there, so nobody is for so long.
_SETTLE_SECONDS = 1.0


def clock_us() -> int:
    """The event loop's clock in microseconds: deadlines do not move with the wall clock."""
    return int(asyncio.get_running_loop().time() * _SECOND_US)


class Room:
    """One deployment's queue, its requests, and the timer for what happens by time alone."""

    def __init__(self, name: str, capacity: int) -> None:
        self._queue = Queue(capacity)
        self._answers: dict[str, asyncio.Future[Decision]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = metrics.waiting_requests.labels(name)
        self._in_flight = metrics.in_flight_requests.labels(name)

    def knows(self, request_id: str) -> bool:
        """Whether a request has a place here or waits for one."""
        return self._queue.knows(request_id)

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return self._queue.waiting

    @property
    def in_flight(self) -> int:
        """Places that are taken."""
        return self._queue.in_flight

    async def enter(self, ticket: Ticket) -> Decision:
        """Wait for a place. Who is cancelled leaves the queue."""
        answer = self._answers.get(ticket.request_id)
        if answer is None:
            answer = self._answers[ticket.request_id] = asyncio.get_running_loop().create_future()
            self._act(self._queue.arrive(ticket, clock_us()))
            if self._queue.holds(ticket.request_id) and not answer.done():
                answer.set_result(Decision(ticket.request_id, "Admitted"))
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if self._queue.knows(ticket.request_id):
                self.leave(ticket.request_id)
            raise
        finally:
            if answer.done():
                self._answers.pop(ticket.request_id, None)

    def leave(self, request_id: str) -> None:
        """A request is over, or its client has left."""
        if (answer := self._answers.pop(request_id, None)) is not None:
            answer.cancel()
        self._act(self._queue.release(request_id, clock_us()))

    def measured(self, in_flight: int) -> None:
        """What the engines say they have."""
        self._act(self._queue.measured(in_flight, clock_us()))

    def resize(self, capacity: int) -> None:
        """There are more engines, or fewer."""
        if capacity != self._queue.capacity:
            self._act(self._queue.resize(capacity, clock_us()))

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _act(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            answer = self._answers.get(decision.request_id)
            if answer is not None and not answer.done():
                answer.set_result(decision)
        self._waiting.set(self._queue.waiting)
        self._in_flight.set(self._queue.in_flight)
        self.close()
        due = self._queue.next_us
        if due is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(due / _SECOND_US, lambda: self._act(self._queue.tick(max(due, clock_us()))))


class Rooms:
    """The queues of this replica, made when they are first needed.

    Args:
        opened: Called with the name of a deployment whose queue was made: what its engines have is not known yet.
    """

    def __init__(self, opened: Callable[[str], None]) -> None:
        self._opened = opened
        self._rooms: dict[str, Room] = {}
        self._deployments: Mapping[str, LedgerDeployment] = {}
        self._over: dict[str, None] = {}
        self._waking: dict[str, asyncio.TimerHandle] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Deployments with a queue here."""
        return tuple(self._rooms)

    def apply(self, deployments: Mapping[str, LedgerDeployment]) -> None:
        """Take in what is known of the deployments now. One that is gone admits nobody any more."""
        woken = [name for name, each in self._deployments.items() if not each.capacity and name in deployments]
        self._deployments = deployments
        for name in woken:
            if deployments[name].capacity and name not in self._waking:
                later = asyncio.get_running_loop().call_later
                self._waking[name] = later(_SETTLE_SECONDS, self._awake, name)
        for name in self._rooms:
            self._resize(name)

    def room(self, name: str) -> Room:
        """The queue of a deployment."""
        if name not in self._rooms:
            self._rooms[name] = Room(name, self._capacity(name))
            self._opened(name)
        return self._rooms[name]

    def leave(self, name: str, request_id: str) -> None:
        """A request is over, which is heard several times; nothing happens where its queue is kept by another replica.

        It gives back the place that it got, whatever its route waits for by now: a route with several deployments waits
        for another one, or for none, as soon as one of them is ready.

        Args:
            name: Whose engine it reached, which is one of the others there if nobody knows of a place of it; "": none.
            request_id: Of the request.
        """
        if request_id in self._over:
            return
        self._over[request_id] = None
        if len(self._over) > _REMEMBERED:
            del self._over[next(iter(self._over))]
        holding = [each for each in self._rooms.values() if each.knows(request_id)]
        for room in holding or [self._rooms[each] for each in (name,) if each in self._rooms]:
            room.leave(request_id)

    def close(self) -> None:
        """Stop all timers."""
        for room in self._rooms.values():
            room.close()
        for timer in self._waking.values():
            timer.cancel()

    def _capacity(self, name: str) -> int:
        found = self._deployments.get(name)
        return found.capacity if found and name not in self._waking else 0

    def _awake(self, name: str) -> None:
        del self._waking[name]
        self._resize(name)

    def _resize(self, name: str) -> None:
        if name in self._rooms:
            self._rooms[name].resize(self._capacity(name))
