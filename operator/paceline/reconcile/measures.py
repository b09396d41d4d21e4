"""What users met lately, asked of the ledger in one question for all ModelDeployments."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Annotated

import aiohttp
from pydantic import Field

from paceline import metrics
from paceline.api.base import Model
from paceline.decide.front import Met
from paceline.decide.objective import WINDOW_SECONDS
from paceline.decide.slo_status import FIGURES
from paceline.kube.backoff import spread
from paceline.kube.resources import Key
from paceline.reconcile import ledger_access
from paceline.settings import OperatorSettings, now

log = logging.getLogger(__name__)

#: The answer about 1,000 busy models costs the ledger 1.6 s of a shared core.
_ASK_SECONDS = 30.0
#: After so long without an answer the last one says nothing about now.
_LOST = timedelta(seconds=180)

_Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0)]


class _Percentiles(Model):
    p50: _Milliseconds | None = None
    p95: _Milliseconds | None = None
    p99: _Milliseconds | None = None

    @property
    def known(self) -> dict[str, float]:
        found = {"p50": self.p50, "p95": self.p95, "p99": self.p99}
        known = {name: value for name, value in found.items() if value is not None}
        return known if len(known) == len(found) else {}


class _Figures(Model):
    eligible: _Count
    good: _Count
    ttft_milliseconds: _Percentiles = _Percentiles()
    tpot_milliseconds: _Percentiles = _Percentiles()


class _Answer(Model):
    deployments: dict[str, _Figures]


class Measures:
    """What the ledger told last, of every ModelDeployment. It is never waited for.

    What is shown of one moves at most once a minute, so that its status does not either.

    Args:
        changed: Called with the key of a ModelDeployment of which something else is to be shown.
        settings: In force.
        allowed: Whether this process decides.
        served: All that a Gateway leads to: of each of them it is known whether anybody asked it.
        authority: Who may have signed the ledger's certificate, as PEM; raises PacelineError while nobody has.
    """

    def __init__(
        self,
        changed: Callable[[Key], None],
        settings: Callable[[], OperatorSettings],
        allowed: Callable[[], bool],
        served: Callable[[], Iterable[Key]],
        authority: Callable[[], str],
        *,
        wall: Callable[[], datetime] = now,
    ) -> None:
        self._changed = changed
        self._settings = settings
        self._allowed = allowed
        self._served = served
        self._authority = authority
        self._wall = wall
        self._shown: dict[Key, Met] = {}
        self._told: datetime | None = None
        self._since: datetime | None = None
        #: The last answer is too old to say anything about now.
        self.lost = False

    def met(self, key: Key) -> Met | None:
        """What is shown of a ModelDeployment; None while nothing was told in this term of leading."""
        if self._told is None:
            return None
        return self._shown.get(key) or Met(self._told, 0, 0)

    async def run(self) -> None:
        """Ask again and again while this process decides, until cancelled."""
        async with ledger_access.session() as session:
            while True:
                if self._allowed():
                    await self._ask(session)
                else:
                    self._shown, self._told, self._since, self.lost = {}, None, None, False
                await asyncio.sleep(spread(_ASK_SECONDS, 0.1))

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        self._since = self._since or self._wall()
        try:
            answer = await self._read(session)
        except ledger_access.FAILURES as error:
            metrics.ledger_read_failures_total.inc()
            log.warning("the ledger does not tell what users met: %s", type(error).__name__)
            self._miss()
        else:
            self._take(answer)

    async def _read(self, session: aiohttp.ClientSession) -> _Answer:
        given = self._settings().gateways
        token, trusted = ledger_access.credentials(given, self._authority())
        headers = {"Authorization": f"Bearer {token}"}
        asked = {"window": str(WINDOW_SECONDS), "by": "deployment"}
        url = ledger_access.url(given, "/v1/slo")
        async with session.get(url, params=asked, headers=headers, ssl=trusted, raise_for_status=True) as answer:
            return _Answer.model_validate_json(await answer.read())

    def _take(self, answer: _Answer) -> None:
        at, first, back = self._wall(), self._told is None, self.lost
        self._told, self.lost = at, False
        found = {_key(name): figures for name, figures in answer.deployments.items() if "/" in name}
        moved = [key for key in found.keys() | self._shown.keys() if self._show(key, found.get(key), at)]
        for key in {*moved, *(self._served() if first or back else ())}:
            self._changed(key)

    def _show(self, key: Key, figures: _Figures | None, at: datetime) -> bool:
        """Whether something else is to be shown now."""
        before = self._shown.get(key)
        if before is not None and at - before.time < FIGURES:
            return False
        if figures is None:
            # Nobody asked it any more; once that is shown there is nothing to remember.
            del self._shown[key]
            return True
        ttft, tpot = figures.ttft_milliseconds.known, figures.tpot_milliseconds.known
        self._shown[key] = Met(at, figures.eligible, figures.good, ttft, tpot)
        return True

    def _miss(self) -> None:
        last = self._told or self._since
        if self.lost or last is None or self._wall() - last < _LOST:
            return
        self.lost = True
        for key in self._served():
            self._changed(key)


def _key(name: str) -> Key:
    namespace, _, own = name.partition("/")
    return Key(namespace, own)
