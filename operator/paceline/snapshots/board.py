"""What each gateway's agents are to have, and what they said last."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from paceline.decide.gateway_health import Report
from paceline.gateway.snapshot import Program, write
from paceline.gateway.stamp import Stamp
from paceline.kube.resources import Key

#: Pods of one gateway whose words are remembered; the one that spoke first is forgotten for a further one.
_MOST_REPORTS = 1000


@dataclass(slots=True)
class Posting:
    """What one gateway's agents are to have.

    Attributes:
        program: As it is sent; keys of consumers are in it.
        version: Of the addresses.
        moves: Places of addresses with the version in which they changed last, in the order of these.
        reports: By pod.
        behind: The leader has numbered something that this process does not come to.
    """

    stamp: Stamp | None = None
    program: bytes = field(default=b"", repr=False)
    addresses: dict[str, str] = field(default_factory=dict)
    version: int = 0
    moves: dict[str, int] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    behind: bool = False
    epoch: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def shown_version(self) -> str:
        """The version with a mark of this process, because another one counts anew; "" before the first addresses."""
        return f"{self.epoch}-{self.version}" if self.version else ""

    def since(self, shown: str) -> list[str] | None:
        """Places whose addresses changed after some version, or that went; None where that version is not ours.

        It costs as much as changed since then, however many there are.
        """
        epoch, _, number = shown.rpartition("-")
        if epoch != self.epoch or not number.isdecimal():
            return None
        return list(takewhile(lambda place: self.moves[place] > int(number), reversed(self.moves)))


class Board:
    """All postings of this process. Used from one event loop only.

    Args:
        reported: Called with a gateway's key when one of its agents said something new.
    """

    def __init__(self, reported: Callable[[Key], None]) -> None:
        self._reported = reported
        self._postings: dict[Key, Posting] = {}
        self._changed: dict[Key, asyncio.Event] = {}

    def post(self, key: Key, stamp: Stamp, program: Program, addresses: Mapping[str, str]) -> None:
        """Put up what holds now."""
        posting = self._postings.setdefault(key, Posting())
        posting.behind = False
        if posting.stamp != stamp:
            posting.stamp, posting.program = stamp, write(program)
            self._tell(key)
        self._exchange(key, posting, addresses, posting.addresses.keys() - addresses.keys())

    def move(self, key: Key, addresses: Mapping[str, str]) -> None:
        """Put up where some pods are now. It costs as much as these, however many there are."""
        posting = self._postings.get(key)
        if posting is not None:
            self._exchange(key, posting, addresses)

    def _exchange(self, key: Key, posting: Posting, addresses: Mapping[str, str], gone: Iterable[str] = ()) -> None:
        changed = {place: text for place, text in addresses.items() if posting.addresses.get(place) != text}
        gone = tuple(gone)
        if not changed and not gone:
            return
        posting.version += 1
        posting.addresses.update(changed)
        for place in gone:
            del posting.addresses[place]
        for place in (*changed, *gone):
            posting.moves.pop(place, None)
            posting.moves[place] = posting.version
        self._tell(key)

    def lag(self, key: Key) -> None:
        """What is up is not what holds, and this process does not know what does: whoever waits may ask another."""
        posting = self._postings.setdefault(key, Posting())
        if not posting.behind:
            posting.behind = True
            self._tell(key)

    def remove(self, key: Key) -> None:
        """A gateway is gone."""
        self._postings.pop(key, None)
        self._tell(key)
        self._changed.pop(key, None)

    def of(self, key: Key) -> Posting | None:
        """What is up for a gateway."""
        return self._postings.get(key)

    def begin(self) -> None:
        """Forget all reports: whoever led meanwhile was told others."""
        for posting in self._postings.values():
            posting.reports = {}

    def take(self, key: Key, pod: str, report: Report) -> None:
        """Remember what an agent says."""
        posting = self._postings.get(key)
        if posting is not None and posting.reports.get(pod) != report:
            posting.reports[pod] = report
            if len(posting.reports) > _MOST_REPORTS:
                del posting.reports[next(iter(posting.reports))]
            self._reported(key)

    def keep(self, key: Key, pods: frozenset[str]) -> None:
        """Forget what was said of pods that are gone."""
        posting = self._postings.get(key)
        if posting is not None:
            posting.reports = {pod: report for pod, report in posting.reports.items() if pod in pods}

    async def change(self, key: Key, seconds: float, fresh: Callable[[Posting], bool]) -> Posting | None:
        """Wait until something is fresh, or it is known that nothing will be.

        Returns:
            What is up then; None where nothing was fresh within that time.
        """
        try:
            async with asyncio.timeout(seconds):
                while True:
                    posting = self._postings.get(key)
                    if posting is not None and (posting.behind or fresh(posting)):
                        return posting
                    await self._changed.setdefault(key, asyncio.Event()).wait()
        except TimeoutError:
            return None

    def _tell(self, key: Key) -> None:
        """Wake everybody who waits; who waits again waits for another change."""
        event = self._changed.pop(key, None)
        if event is not None:
            event.set()
