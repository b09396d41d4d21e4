"""Reads Envoy's log, makes records of it, and sends them until the ledger has acknowledged them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

from paceline.agent import counting, metrics
from paceline.agent.checkpoint import Checkpoint, Checkpoints, Parcel
from paceline.agent.counting import Counting
from paceline.agent.errors import Unreachable
from paceline.agent.held import Held
from paceline.agent.logfiles import Chunk, LogFiles
from paceline.agent.remote import Remote
from paceline.api.record import Record, write
from paceline.gateway.journal import Journal
from paceline.gateway.lines import parse
from paceline.gateway.underway import Gate
from paceline.kube.backoff import Backoff
from paceline.settings import boottime, microseconds

log = logging.getLogger(__name__)

#: Some hundred requests.
_MOST_BYTES = 512 << 10
_PAUSE_SECONDS = 0.1
#: Of the time that reading and keeping takes, so that it never takes more than a fifth of a processor.
_PAUSES = 4
#: Between parcels without lines, which say that there is nothing.
_IDLE_SECONDS = 10.0
#: What Envoy says reaches the log within this time.
_FLUSH_US = 2_000_000
#: From the start of an Envoy until what it says nothing of is known to be its predecessor's: see `journal`.
_SETTLE_SECONDS = 5
#: After a failure of the disk or the memory.
_FAILED_SECONDS = 1.0
_BACKOFF = Backoff(first=0.2, most=10.0)


class Shipping:
    """The way from the log to the ledger.

    Args:
        files: The logs.
        checkpoints: Where it is kept how far it came.
        held: Has the teams of consumers.
        ledger: Who gets the records.
        gateway: namespace/name.
        now_us: Clock, microseconds since 1970.
    """

    def __init__(
        self,
        files: LogFiles,
        checkpoints: Checkpoints,
        held: Held,
        ledger: Remote,
        gateway: str,
        now_us: Callable[[], int] = microseconds,
    ) -> None:
        self._files = files
        self._checkpoints = checkpoints
        self._held = held
        self._ledger = ledger
        self._gateway = gateway
        self._now_us = now_us
        found = checkpoints.load()
        self.at = found or self._anew()
        self._journal = Journal(self._gate(), self.at.state)
        #: The records held against Envoy's counters.
        self.counting = Counting(self.at.tally)
        self._kept = True
        self._read_to_end_us = 0
        self._sent_at = float("-inf")
        #: When the Envoy that runs began, in seconds since 1970.
        self.process = self.at.process

    async def run(self) -> None:
        """Go on until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                more = self._step()
            except OSError as error:
                metrics.failures_total.labels("Logs").inc()
                log.error("the log of requests cannot be read, or what is made of it not be kept: %s", error.strerror)
                await asyncio.sleep(_FAILED_SECONDS)
                continue
            took = loop.time() - began
            if self.at.parcel is not None:
                await self._send(self.at.parcel)
            if not more:
                await asyncio.sleep(max(_PAUSE_SECONDS, _PAUSES * took))

    async def finish(self, *, gone: bool) -> None:
        """Send what there is, at the end of the pod.

        Args:
            gone: Envoy has ended, so nothing more comes of what is open.
        """
        while self.at.parcel is not None or self._step(last=gone):
            if self.at.parcel is not None:
                await self._send(self.at.parcel)

    def unshipped(self) -> int:
        """Bytes that the ledger does not have yet."""
        at = self.at
        start = at.parcel.start if at.parcel and at.parcel.log == at.log else at.offset
        later = sum(size for number, size in self._files.sizes().items() if number > at.number)
        current = self._files.current_size() if self._files.aside(at.number) else 0
        return max(0, self._files.size(at.number) - start) + later + current

    def dropped(self, number: int) -> None:
        """A log was thrown away."""
        if self.at.number == number:
            self._next()

    def _step(self, *, last: bool = False) -> bool:
        """Read on and put a parcel up; False where there was nothing to read.

        Raises:
            OSError: something cannot be read or kept.
        """
        at = self.at
        if at.parcel is not None:
            self._keep()
            return True
        self._journal.gate = self._gate()
        now_us = self._now_us()
        if self._files.size(at.number) < at.offset:
            log.error("the log of requests was cut; it is read from its beginning")
            self._restart()
            at = self.at
        closed = self._files.closed(at.number)
        chunk = self._files.read(at.number, at.offset, _MOST_BYTES)
        before = at.process
        start, records = at.offset, self._records(chunk)
        ended = chunk.end == at.offset
        # Behind the end of a log that was put aside stands the next one.
        if ended and not closed:
            self._read_to_end_us = now_us
            records += [(start, each) for each in self._interrupted(now_us, last=last)]
        self._count(records, over=at.process != before, read_us=now_us if ended and not closed else 0)
        at.offset = chunk.end
        if records or not ended or boottime() - self._sent_at > _IDLE_SECONDS:
            lines = tuple((place, write(record).decode()) for place, record in records)
            at.parcel, self._kept = Parcel(at.log, start, chunk.end, self._complete_us(), lines), False
            for _, record in records:
                metrics.records_total.labels(record.outcome.value).inc()
            at.tally = self.counting.tally
            self._keep()
            return True
        if closed:
            self._next()
            return True
        return False

    def _count(self, records: list[tuple[int, Record]], *, over: bool, read_us: int) -> None:
        """Hold records against Envoy's counters.

        Args:
            records: New ones.
            over: With them all of the Envoy before is recorded.
            read_us: Up to when the log is read; 0 where it is not read to its end.
        """
        for _, record in records:
            if record.last:
                self.counting.recorded(record.started_us)
        if over:
            counting.tell(self.counting.ended())
        counting.tell(self.counting.settled(read_us))

    def _keep(self) -> None:
        """Nothing is sent that would not be the same after a start.

        Raises:
            OSError: it cannot be kept.
        """
        if not self._kept:
            self._checkpoints.save(self.at)
            self._kept = True

    def _records(self, chunk: Chunk) -> list[tuple[int, Record]]:
        found = []
        for place, text in chunk.lines:
            lines = parse(text)
            if not lines and (began := counting.began_us(text)) is not None:
                self.counting.recorded(began)
            elif not lines:
                metrics.unreadable_total.inc()
            found += [(place, record) for line in lines for record in self._journal.read(line)]
        return found

    def _interrupted(self, now_us: int, *, last: bool) -> list[Record]:
        """Records of requests that a proxy left behind that is no more."""
        if last:
            return self._journal.interrupted(2**62)
        new = self.process > self.at.process + 1
        if not new or now_us < (self.process + _SETTLE_SECONDS) * 1_000_000:
            return []
        self.at.process = self.process
        return self._journal.interrupted((self.process + 1) * 1_000_000)

    def _complete_us(self) -> int:
        open_us = (each.heard_us for each in self.at.state.open.values())
        return max(0, min([self._read_to_end_us - _FLUSH_US, *open_us]))

    async def _send(self, parcel: Parcel) -> None:
        """Send a parcel until it is acknowledged."""
        failures = 0
        query: dict[str, str | int] = {
            "log": parcel.log,
            "start": parcel.start,
            "end": parcel.end,
            "completeUs": parcel.complete_us,
        }
        while True:
            try:
                answer = await self._ledger.ask("POST", "/v1/records", query, parcel.body, seconds=30)
                if answer.status == 409:
                    log.error("the ledger lacks a part of the log; all that is there is sent again")
                    self._restart()
                    return
                if answer.status != 200 or _position(answer.body) < parcel.end:
                    raise Unreachable("Unreachable", f"the ledger answers with status {answer.status}")
            except Unreachable as error:
                failures += 1
                metrics.failures_total.labels("Ship").inc()
                if failures in {1, 30}:
                    log.warning("records wait in the log: %s", error.message)
                await asyncio.sleep(_BACKOFF.delay(failures))
                continue
            if failures:
                log.info("the ledger takes records again")
            self.at.parcel = None
            self._sent_at = metrics.shipped["log"] = boottime()
            return

    def _anew(self) -> Checkpoint:
        """From the beginning of all that is there. The ledger knows by their ids what it has already."""
        old = self._files.old()
        return Checkpoint(number=old[0] if old else 1)

    def _restart(self) -> None:
        process = self.at.process
        self.at = self._anew()
        self.at.process = process
        self._journal = Journal(self._gate(), self.at.state)
        self.counting.anew()

    def _next(self) -> None:
        """Go on with the next log; the one before is needed no more once that is kept."""
        later = [number for number in self._files.old() if number > self.at.number]
        self.at.number = later[0] if later else self.at.number + 1
        self.at.offset = 0
        self._checkpoints.save(self.at)
        for number in self._files.old():
            if number < self.at.number:
                self._files.remove(number)

    def _gate(self) -> Gate:
        held = self._held.program
        return Gate(self._gateway, held.program.teams, held.program.classes) if held else Gate(self._gateway, {})


def _position(body: bytes) -> int:
    try:
        found = json.loads(body)
    except ValueError:
        return -1
    position = found.get("position") if isinstance(found, dict) else None
    return position if isinstance(position, int) else -1
