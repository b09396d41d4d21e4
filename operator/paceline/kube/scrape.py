"""Visits to engine pods, by the leader: read their metrics, and ask the model itself where no user does.

Each ready pod has a task that comes by at once and then every `probe.intervalSeconds`, each at its own moment. A user
request that was answered since the last visit proves more than a test request, so then none is sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import aiohttp

from paceline import metrics
from paceline.decide.latency import Memory, Scrape, latency, read, remember
from paceline.decide.observation import ANSWER_SECONDS, AnswerView, LatencyView, PodView
from paceline.engines import EnginePlan
from paceline.kube.answers import judge, question
from paceline.kube.backoff import spread
from paceline.kube.resources import Key
from paceline.settings import Probe, now
from paceline.stats.histogram import Histogram

log = logging.getLogger(__name__)

_ANNOUNCE = timedelta(seconds=60)
#: An answer counts until the third visit after it at the latest.
_VISITS = 3.0
_AT_ONCE = 32
_MOST_BYTES = 4 * 1024 * 1024  # an engine is not trusted to end its page


@dataclass
class Visit:
    """What is known of one pod from visiting it.

    Attributes:
        last: The last reading as the page had it.
        asked: Test requests since then; their traces in the counters are not users'.
        ours: All traces of test requests so far, TTFT and TPOT.
    """

    key: Key
    pod: PodView
    plan: EnginePlan
    answer: AnswerView | None = None
    last: Scrape | None = None
    asked: int = 0
    ours: tuple[Histogram | None, Histogram | None] = (None, None)

    def take(self, reading: Scrape) -> tuple[bool, Scrape]:
        """Compare with the last reading.

        Returns:
            Whether users were answered since, and the reading without the traces of test requests. Those are only
            sent while no user asks, so a window holds either kind.
        """
        last, self.last = self.last, reading
        asked, self.asked = self.asked, 0
        if last is None or reading.ttft is None:
            return False, reading
        if last.ttft is not None and not reading.ttft.continues(last.ttft):
            self.ours = (None, None)  # the engine began anew
        gained = reading.ttft.since(last.ttft).count
        if 0 < gained <= asked:
            ttft, tpot = _gain(reading.ttft, last.ttft), _gain(reading.tpot, last.tpot)
            self.ours = (_sum(self.ours[0], ttft), _sum(self.ours[1], tpot))
        ttft, tpot = _gain(reading.ttft, self.ours[0]), _gain(reading.tpot, self.ours[1])
        return gained > asked, replace(reading, ttft=ttft, tpot=tpot)


class Visits:
    """All visits of this process.

    Args:
        changed: Called with a key when an answer turned from right to wrong or back, and each minute there are figures.
        probe: Times in force.
    """

    def __init__(
        self, changed: Callable[[Key], None], probe: Callable[[], Probe], *, wall: Callable[[], datetime] = now
    ) -> None:
        self._changed = changed
        self._probe = probe
        self._wall = wall
        self._visits: dict[Key, dict[str, Visit]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._memory: dict[Key, Memory] = {}
        self._announced: dict[Key, datetime] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None
        self._stopped = False

    def start(self) -> None:
        """Visits may be made (the Lease is held)."""
        self._stopped = False

    def sync(self, key: Key, plan: EnginePlan | None, revision: str, pods: Sequence[PodView]) -> None:
        """Visit these pods of an owner from now on, and no others of it.

        The plan is that of the revision. None, where the spec cannot be carried out: visits go on as they were planned.
        """
        if self._stopped:
            return  # a reconcile that was under way when the Lease was lost
        worth = plan is None or plan.metrics is not None or plan.inference == "OpenAI"
        wanted = {pod.uid: pod for pod in pods if pod.ready and pod.ip and not pod.deleting} if worth else {}
        visits = self._visits.get(key, {})
        for uid in visits.keys() - wanted.keys():
            self._end(visits, uid)
        for uid, pod in wanted.items():
            known = visits.get(uid)
            if plan is not None and known is None:
                self._visits.setdefault(key, visits)[uid] = visit = Visit(key, pod, plan)
                self._tasks[uid] = asyncio.create_task(self._go_on(visit), name=f"visits to {key} {pod.name}")
            elif plan is not None and known is not None:
                known.pod = pod
                if pod.revision == revision:  # pods of an older one are still reached as it was planned
                    known.plan = plan
        if not visits:
            for known_of in (self._visits, self._announced, self._memory):
                known_of.pop(key, None)

    def answers(self, key: Key) -> tuple[AnswerView, ...]:
        """The last answer of each visited pod."""
        return tuple(visit.answer for visit in self._visits.get(key, {}).values() if visit.answer is not None)

    def latency(self, key: Key) -> LatencyView | None:
        """What users' requests took lately, all pods together; None without any."""
        return latency(self._memory.get(key, {}))

    def stop(self) -> None:
        """End all visits and begin none (the Lease is lost)."""
        self._stopped = True
        for visits in list(self._visits.values()):
            for uid in list(visits):
                self._end(visits, uid)
        for known_of in (self._visits, self._announced, self._memory):
            known_of.clear()

    async def close(self) -> None:
        """Close connections to engines."""
        self.stop()
        if self._session is not None:
            await self._session.close()

    def _end(self, visits: dict[str, Visit], uid: str) -> None:
        del visits[uid]
        self._tasks.pop(uid).cancel()

    async def _go_on(self, visit: Visit) -> None:
        while True:
            async with self._slots:
                try:
                    await self._once(visit)
                except Exception:  # a bug of ours: the next visit may do better
                    log.exception("a visit to pod %s failed in a way that it should not", visit.pod.name)
            await asyncio.sleep(spread(self._probe().interval_seconds, 0.1))

    async def _once(self, visit: Visit) -> None:
        before = visit.answer
        used = await self._read(visit)
        if visit.plan.inference == "OpenAI" and not visit.pod.locked:
            wrong = "" if used else await self._ask(visit)
            failures = (before.failures if before else 0) + 1 if wrong else 0
            lasts = max(ANSWER_SECONDS, _VISITS * self._probe().interval_seconds)
            visit.answer = AnswerView(
                visit.pod.uid, self._wall(), ok=not wrong, message=wrong, failures=failures, lasts=lasts
            )
        turned = visit.answer is not None and (before is None or not before.ok or not visit.answer.ok)
        if turned or self._figures_are_due(visit.key):
            self._changed(visit.key)

    def _figures_are_due(self, key: Key) -> bool:
        """True once a minute while users' requests are measured."""
        at = self._wall()
        if at - self._announced.get(key, at - _ANNOUNCE) < _ANNOUNCE or self.latency(key) is None:
            return False
        self._announced[key] = at
        return True

    async def _read(self, visit: Visit) -> bool:
        """Read the metrics page; True when users were answered since the last time."""
        names = visit.plan.metrics
        if names is None:
            return False
        status, body, _ = await self._exchange("GET", visit, names.path, None)
        metrics.scrapes_total.labels("read" if status == 200 else "failed").inc()
        if status != 200:
            return False
        used, scrape = visit.take(read(visit.pod.uid, self._wall(), body.decode("utf-8", "replace"), names))
        known = self._visits.get(visit.key, {})
        self._memory[visit.key] = remember(self._memory.get(visit.key, {}), [scrape], known)
        return used

    async def _ask(self, visit: Visit) -> str:
        """Send the test request; what is wrong with the answer, empty: nothing."""
        asking = question(visit.plan.task, visit.plan.served_name)
        visit.asked += 1
        status, body, words = await self._exchange("POST", visit, asking.path, asking.body)
        wrong = words or judge(visit.plan.task, status, body)
        metrics.probes_total.labels("wrong" if wrong else "right").inc()
        return wrong

    async def _exchange(
        self, method: str, visit: Visit, path: str, body: dict[str, object] | None
    ) -> tuple[int, bytes, str]:
        """One request to a pod: status, body, and what went wrong on the way (empty: nothing)."""
        seconds = self._probe().timeout_seconds
        host = f"[{visit.pod.ip}]" if ":" in visit.pod.ip else visit.pod.ip
        url = f"http://{host}:{visit.plan.port}/{path.lstrip('/')}"
        try:
            async with (
                asyncio.timeout(seconds),
                self._http().request(method, url, json=body, allow_redirects=False) as answer,
            ):
                return answer.status, await _whole(answer), ""
        except TimeoutError:
            return 0, b"", f"pod {visit.pod.name} did not answer the test request within {seconds} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return 0, b"", f"pod {visit.pod.name} cannot be asked: {str(error) or type(error).__name__}"

    def _http(self) -> aiohttp.ClientSession:
        """One session without cookies, redirects or proxies; each visit has its own connection (engines move)."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_AT_ONCE, force_close=True),
                headers={"User-Agent": "paceline-probe"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """The body, up to 4 MiB."""
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            break
    return b"".join(parts)


def _gain(reading: Histogram | None, base: Histogram | None) -> Histogram | None:
    return reading.since(base) if reading is not None else None


def _sum(one: Histogram | None, other: Histogram | None) -> Histogram | None:
    if one is None or other is None:
        return one or other
    return one.plus(other)
