"""Who of those that wait for an engine goes next, and who has waited too long.

One queue for each ModelDeployment. A lower priority goes before a higher one, always. Within a priority the consumer
goes first that holds the fewest places, of several the one whose turn was the longest ago, and its requests in their
order: so places are shared evenly between those that want them, however many requests each of them sends. Nothing here
knows a clock or waits: every call has the time and gives the decisions that follow.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Literal

from paceline.decide.period import SECOND

Outcome = Literal["Admitted", "QueueFull", "WaitedTooLong"]

#: Where no place has come free yet, as while a model wakes from zero.
RETRY_SECONDS = 10
MOST_RETRY_SECONDS = 600
#: Places that came free of which the rate is told.
_MEASURED = 64


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request that wants a place.

    Attributes:
        priority: 0 goes first.
        deadline_us: It is admitted before this time, or refused at it.
        hold_us: How long it keeps its place at most; a release that is lost frees it then.
        most_waiting: How many may wait when it comes.
    """

    request_id: str
    consumer: str
    priority: int
    deadline_us: int
    hold_us: int
    most_waiting: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a request.

    Attributes:
        retry_seconds: When a refused one may be worth another try.
    """

    request_id: str
    outcome: Outcome
    retry_seconds: int = 0


@dataclass(slots=True)
class _Hold:
    consumer: str
    until_us: int


class Queue:
    """The places of one ModelDeployment, and who waits for one.

    Args:
        capacity: Requests that may be in flight: those of an engine times the engines; 0 while there is none.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._others = 0
        self._holds: dict[str, _Hold] = {}
        self._places: Counter[str] = Counter()
        self._waiting: dict[str, Ticket] = {}
        # By priority and consumer; a dict, because who leaves may stand anywhere.
        self._lines: dict[int, dict[str, dict[str, Ticket]]] = {}
        self._turns: dict[str, int] = {}
        self._turn = 0
        self._deadlines: list[tuple[int, str]] = []
        self._expiries: list[tuple[int, str]] = []
        self._freed: deque[int] = deque(maxlen=_MEASURED)

    @property
    def in_flight(self) -> int:
        """Places that are taken."""
        return len(self._holds) + self._others

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    @property
    def next_us(self) -> int | None:
        """When `tick` has something to do; None: never, as it is."""
        times = (_first(self._deadlines, self._waiting), _first(self._expiries, self._holds))
        return min((time for time in times if time is not None), default=None)

    def holds(self, request_id: str) -> bool:
        """Whether a request has a place."""
        return request_id in self._holds

    def knows(self, request_id: str) -> bool:
        """Whether a request has a place or waits for one."""
        return request_id in self._holds or request_id in self._waiting

    def arrive(self, ticket: Ticket, now_us: int) -> list[Decision]:
        """A request comes. One that is here already changes nothing."""
        decisions = self.tick(now_us)
        if self.knows(ticket.request_id):
            return decisions
        if not self._waiting and self.in_flight < self.capacity:
            return [*decisions, self._admit(ticket, now_us)]
        if ticket.deadline_us <= now_us:
            return [*decisions, self._refuse(ticket, "WaitedTooLong", now_us)]
        if len(self._waiting) >= ticket.most_waiting:
            loser = self._loser(ticket)
            decisions.append(self._refuse(loser, "QueueFull", now_us))
            if loser is ticket:
                return decisions
        self._waiting[ticket.request_id] = ticket
        # Who comes now stands behind those that wait already, also behind those that had a turn before.
        self._turns.setdefault(ticket.consumer, self._turn)
        self._lines.setdefault(ticket.priority, {}).setdefault(ticket.consumer, {})[ticket.request_id] = ticket
        heapq.heappush(self._deadlines, (ticket.deadline_us, ticket.request_id))
        return decisions

    def release(self, request_id: str, now_us: int) -> list[Decision]:
        """A request is over, or its client has left. One that nobody knows here frees a place of the others."""
        if ticket := self._waiting.get(request_id):
            self._forget(ticket)
        elif request_id in self._holds:
            self._free(request_id, now_us)
        elif self._others:
            self._others -= 1
            self._freed.append(now_us)
        return self.tick(now_us)

    def measured(self, in_flight: int, now_us: int) -> list[Decision]:
        """What the engines say they have. Those that are not known here take places too, until the next measure."""
        self._others = max(0, in_flight - len(self._holds))
        return self.tick(now_us)

    def resize(self, capacity: int, now_us: int) -> list[Decision]:
        """There are more engines, or fewer: nobody in flight is stopped."""
        self.capacity = capacity
        return self.tick(now_us)

    def tick(self, now_us: int) -> list[Decision]:
        """Free places that were held too long, refuse who has waited too long, admit whom there is room for."""
        for number in _due(self._expiries, now_us):
            if number in self._holds and self._holds[number].until_us <= now_us:
                self._free(number, now_us)
        late = [self._waiting[number] for number in _due(self._deadlines, now_us) if number in self._waiting]
        decisions = [self._refuse(ticket, "WaitedTooLong", now_us) for ticket in late if ticket.deadline_us <= now_us]
        while self._waiting and self.in_flight < self.capacity:
            decisions.append(self._admit(self._next(), now_us))
        return decisions

    def _next(self) -> Ticket:
        """Whose turn it is."""
        lines = self._lines[min(self._lines)]
        consumer = min(lines, key=lambda name: (self._places[name], self._turns[name]))
        return next(iter(lines[consumer].values()))

    def _loser(self, ticket: Ticket) -> Ticket:
        """Who goes where no more may wait: somebody of a later priority, or of a consumer with more that wait.

        Otherwise one consumer could fill the room and shut out all others.
        """
        last = max(self._lines, default=ticket.priority)
        lines = self._lines.get(last, {})
        if not lines or last < ticket.priority:
            return ticket
        most = max(lines, key=lambda name: len(lines[name]))
        if last == ticket.priority and len(lines[most]) <= len(lines.get(ticket.consumer, {})) + 1:
            return ticket
        return next(reversed(lines[most].values()))

    def _admit(self, ticket: Ticket, now_us: int) -> Decision:
        self._forget(ticket)
        until = now_us + ticket.hold_us
        self._holds[ticket.request_id] = _Hold(ticket.consumer, until)
        heapq.heappush(self._expiries, (until, ticket.request_id))
        self._places[ticket.consumer] += 1
        self._turn += 1
        self._turns[ticket.consumer] = self._turn
        return Decision(ticket.request_id, "Admitted")

    def _refuse(self, ticket: Ticket, outcome: Outcome, now_us: int) -> Decision:
        self._forget(ticket)
        return Decision(ticket.request_id, outcome, self._retry_seconds(ticket, now_us))

    def _free(self, request_id: str, now_us: int) -> None:
        consumer = self._holds.pop(request_id).consumer
        self._places[consumer] -= 1
        self._freed.append(now_us)
        self._clean(consumer)

    def _forget(self, ticket: Ticket) -> None:
        if self._waiting.pop(ticket.request_id, None) is None:
            return
        lines = self._lines[ticket.priority]
        del lines[ticket.consumer][ticket.request_id]
        if not lines[ticket.consumer]:
            del lines[ticket.consumer]
        if not lines:
            del self._lines[ticket.priority]
        self._clean(ticket.consumer)

    def _clean(self, consumer: str) -> None:
        """Forget who has no place and wants none."""
        if not self._places[consumer]:
            del self._places[consumer]
            if not any(consumer in lines for lines in self._lines.values()):
                self._turns.pop(consumer, None)

    def _retry_seconds(self, ticket: Ticket, now_us: int) -> int:
        """The time that those before it will take, at the rate at which places came free lately."""
        if len(self._freed) < 2 or now_us <= self._freed[0]:
            return RETRY_SECONDS
        before = sum(
            len(line)
            for priority, lines in self._lines.items()
            if priority <= ticket.priority
            for line in lines.values()
        )
        seconds = (before + 1) * (now_us - self._freed[0]) / (len(self._freed) * SECOND)
        return min(max(1, math.ceil(seconds)), MOST_RETRY_SECONDS)


def _due(heap: list[tuple[int, str]], now_us: int) -> Iterator[str]:
    while heap and heap[0][0] <= now_us:
        yield heapq.heappop(heap)[1]


def _first(heap: list[tuple[int, str]], there: Container[str]) -> int | None:
    """The earliest time of something that is still there; what is not goes."""
    while heap and heap[0][1] not in there:
        heapq.heappop(heap)
    return heap[0][0] if heap else None
