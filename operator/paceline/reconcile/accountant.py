"""Asks the ledger how budgets stand, and has Consumers looked at of which there is something to tell."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import aiohttp
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from paceline.api.consumer import Consumer
from paceline.decide.consumer_health import UNASKED, Account
from paceline.decide.expenses import Shown, Use, news, shown
from paceline.kube.resources import Key
from paceline.reconcile import ledger_access
from paceline.settings import OperatorSettings, boottime, now

log = logging.getLogger(__name__)

_EVERY_SECONDS = 5.0
#: Without an answer, until that is told: a ledger that is started anew is none of the Consumers' news.
_SILENT_SECONDS = 30.0
#: Between looks at a Consumer whose figures move.
_FIGURES_SECONDS = 300.0


class _Entry(BaseModel):
    name: str
    spent: int = Field(alias="spentMicros", ge=0)
    ends: str = Field(alias="periodEnds", max_length=64)


class _Answer(BaseModel):
    consumers: dict[str, list[_Entry]]


_ANSWERS = TypeAdapter(_Answer)
_Uses = dict[str, tuple[Use, ...]]


class Accountant:
    """How budgets stand.

    Args:
        settings: In force.
        allowed: Whether this process decides.
        consumers: All with their keys.
        changed: Called with a Consumer's key when there is something to tell.
        authority: Who signs the ledger's certificate, PEM.
    """

    def __init__(
        self,
        settings: Callable[[], OperatorSettings],
        allowed: Callable[[], bool],
        consumers: Callable[[], tuple[Consumer, ...]],
        changed: Callable[[Key], None],
        authority: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._allowed = allowed
        self._consumers = consumers
        self._changed = changed
        self._authority = authority
        self._uses: _Uses = {}
        self._tag = ""
        self._asked = False
        self._answers = False
        self._heard = boottime()
        self._looked: dict[str, tuple[float, tuple[Use, ...]]] = {}

    def account(self, consumer: Consumer, previous: object) -> Account:
        """How the budgets of a Consumer stand, as its status is to show it."""
        budgets = consumer.spec.budgets
        if not budgets:
            return UNASKED
        uses = self._uses.get(_name(consumer), ()) if self._asked and self._answers else None
        found: Shown = shown(budgets, uses, previous, now())
        return Account(self._asked, self._answers, found)

    async def run(self) -> None:
        """Go on until cancelled."""
        async with ledger_access.session() as session:
            while True:
                if self._allowed():
                    self._take(await self._ask(session))
                else:
                    self._asked, self._tag = False, ""
                await asyncio.sleep(_EVERY_SECONDS)

    async def _ask(self, session: aiohttp.ClientSession) -> _Uses | None:
        """What the ledger says; None where it says nothing."""
        given = self._settings().gateways
        url = ledger_access.url(given, "/v1/budgets")
        try:
            token, trusted = ledger_access.credentials(given, self._authority())
            headers = {"Authorization": f"Bearer {token}"} | ({"If-None-Match": self._tag} if self._tag else {})
            async with session.get(url, headers=headers, ssl=trusted) as answer:
                if answer.status == 304:
                    return self._uses
                if answer.status != 200:
                    raise ValueError(f"status {answer.status}")
                found = _ANSWERS.validate_json(await answer.read()).consumers
                self._tag = answer.headers.get("ETag", "")
        except ledger_access.FAILURES as error:
            if self._answers or not self._asked:
                words = "the answer is none" if isinstance(error, ValidationError) else str(error)[:200]
                log.warning("the ledger does not say how budgets stand: %s %s", type(error).__name__, words)
            return None
        return {name: tuple(Use(each.name, each.spent, each.ends) for each in every) for name, every in found.items()}

    def _take(self, uses: _Uses | None) -> None:
        before = self._asked, self._answers
        if uses is None:
            if boottime() - self._heard > _SILENT_SECONDS:
                self._asked, self._answers = True, False
        else:
            self._asked, self._answers, self._heard = True, True, boottime()
            self._uses = uses
        changed = before != (self._asked, self._answers)
        every = [each for each in self._consumers() if each.spec.budgets]
        for each in every:
            if changed or self._worth_a_look(each):
                self._looked[_name(each)] = boottime(), self._uses.get(_name(each), ())
                self._changed(Key(each.namespace, each.name))
        for gone in self._looked.keys() - {_name(each) for each in every}:
            del self._looked[gone]

    def _worth_a_look(self, consumer: Consumer) -> bool:
        looked, was = self._looked.get(_name(consumer), (0.0, ()))
        uses = self._uses.get(_name(consumer), ())
        late = boottime() - looked > _FIGURES_SECONDS
        return was != uses and (late or news(consumer.spec.budgets, was, uses))


def _name(consumer: Consumer) -> str:
    return f"{consumer.namespace}/{consumer.name}"
