"""Holds the records of requests against what Envoy has counted: which requests left none?

Envoy counts a request when it begins. Its line may be lost: with an Envoy that is killed before it has written it, with
a full disk, with a log that was thrown away. What is said is never too much: a request that cannot be told apart from
one that is recorded counts as recorded.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass, field

from paceline.agent import metrics
from paceline.agent.errors import ProxyGone
from paceline.agent.proxy import Proxy
from paceline.settings import microseconds

log = logging.getLogger(__name__)

_TOTAL, _ACTIVE = "http.gateway.downstream_rq_total", "http.gateway.downstream_rq_active"
_STARTED = re.compile(rb'"started":"(\d{1,11})\.(\d{6})"')
_COUNTERS = r"^http\.gateway\.downstream_rq_(total|active)$"
#: Between looks, so that few requests begin after the last look before a kill; and so that Envoy's main thread spends
#: no more than a twentieth of its time on them.
_LEAST_SECONDS, _MOST_SECONDS = 0.05, 0.5
_PAUSES = 20
#: From a look until whatever had ended by then is in the log and read.
_SETTLED_US = 5_000_000


@dataclass(slots=True)
class Tally:
    """Requests of one Envoy that are recorded; kept with the place up to which the log was read.

    Attributes:
        process: When it began, in seconds since 1970; up to a second late. 0: none was seen.
        requests: Whose last record was made.
        whole: All of its log was read; else nothing can be said of it.
        unrecorded: Requests of it that are known to have left no record, and were told.
    """

    process: int = 0
    requests: int = 0
    whole: bool = True
    unrecorded: int = 0


@dataclass(slots=True)
class _Look:
    """What Envoy had counted.

    Attributes:
        total: Requests that had begun.
        active: Of those the ones that went on.
        at_us: When it was known at the latest.
        recorded: Requests that began before, and are recorded.
    """

    total: int
    active: int
    at_us: int
    recorded: int


@dataclass
class Counting:
    """The comparison for one Envoy after another.

    Attributes:
        tally: Of the Envoy that is there.
    """

    tally: Tally = field(default_factory=Tally)
    _last: _Look | None = None
    _settling: _Look | None = None
    _before: tuple[Tally, _Look] | None = None
    _late: int = 0

    def recorded(self, started_us: int) -> None:
        """A request has its last record."""
        if self._before is not None and started_us <= self._before[1].at_us:
            self._before[1].recorded += 1
            return
        self.tally.requests += 1
        for look in (self._last, self._settling):
            if look is not None and started_us <= look.at_us:
                look.recorded += 1
        if self._last is not None and started_us > self._last.at_us:
            self._late += 1

    def another(self, total: int) -> bool:
        """Whether a figure is certainly that of another Envoy."""
        return self._last is not None and total < self._last.total

    def look(self, total: int, active: int, at_us: int) -> None:
        """Take what Envoy has counted. All that is recorded by now began before."""
        self._last = _Look(total, active, at_us, self.tally.requests)
        self._late = 0
        if self._settling is None:
            self._settling = _Look(total, active, at_us, self.tally.requests)

    def began(self, process: int) -> None:
        """Another Envoy is there; what the one before left behind is recorded some seconds later.

        Args:
            process: When it began, in seconds since 1970.
        """
        if not self.tally.process:
            self.tally.process = process
            return
        if self._last is not None and self.tally.whole:
            self._before = self.tally, self._last
        # Who began after the last look may be of either.
        self.tally, self._last, self._settling = Tally(process, self._late), None, None
        self._late = 0

    def anew(self) -> None:
        """The log is read again, of which not all may be there: of this Envoy nothing can be said."""
        self.tally = Tally(self.tally.process, whole=False)
        self._last = self._settling = self._before = None

    def ended(self) -> int:
        """What the Envoy before has left is recorded.

        Returns:
            How many of its requests are newly known to be lost.
        """
        if self._before is None:
            return 0
        tally, last = self._before
        self._before = None
        return _missing(tally, last.total - last.recorded)

    def settled(self, read_us: int) -> int:
        """Whatever was written until then is read.

        Args:
            read_us: Microseconds since 1970.

        Returns:
            How many requests are newly known to be lost.
        """
        look, last = self._settling, self._last
        if look is None or last is None or read_us < look.at_us + _SETTLED_US or not self.tally.whole:
            return 0
        self._settling = None
        # Those that go on may have begun before.
        return _missing(self.tally, look.total - look.recorded - last.active)


def _missing(tally: Tally, count: int) -> int:
    new = max(0, count - tally.unrecorded)
    tally.unrecorded += new
    return new


def tell(count: int) -> None:
    """Raise the alarm."""
    if count:
        metrics.unrecorded_total.inc(count)
        log.error("%d requests that Envoy has counted left no record; what they used is not known", count)


def began_us(text: bytes) -> int | None:
    """When a request began that was so malformed that it has no id, and so no record; None for other lines."""
    found = _STARTED.search(text) if b'"DownstreamEnd"' in text and b'"id":null' in text else None
    return int(found[1]) * 1_000_000 + int(found[2]) if found else None


async def watch(proxy: Proxy, counting: Counting) -> None:
    """Look at Envoy's counters, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            process, found = await proxy.started_second(), await proxy.counters(_COUNTERS)
            total, at_us = found.get(_TOTAL, 0), microseconds()
            if process > counting.tally.process + 1 or counting.another(total):
                counting.began(process)
            counting.look(total, found.get(_ACTIVE, 0), at_us)
        except ProxyGone:
            pass
        await asyncio.sleep(min(_MOST_SECONDS, max(_LEAST_SECONDS, _PAUSES * (loop.time() - began))))
