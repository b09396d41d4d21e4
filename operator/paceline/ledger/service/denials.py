"""The deny lists of all gateways, and who waits for a change of one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paceline.api.digest import short
from paceline.api.ledger_config import LedgerConsumer
from paceline.decide.denial import Denial
from paceline.decide.period import instant
from paceline.ledger.service import metrics


@dataclass(frozen=True, slots=True)
class DenyList:
    """One gateway's.

    Attributes:
        tag: The same for the same list, on every replica.
        entries: As they are sent.
    """

    tag: str
    entries: list[dict[str, Any]]


class Denials:
    """Who gets nothing for now, by consumer."""

    def __init__(self) -> None:
        self._denied: dict[str, Denial] = {}
        self._changed = asyncio.Event()
        self._closed = False

    def of(self, consumer: str) -> Denial | None:
        """Why a consumer gets nothing; None where it does not stand on the list."""
        return self._denied.get(consumer)

    @property
    def next_us(self) -> int | None:
        """When the first period of a denied consumer ends."""
        return min((each.until_us for each in self._denied.values() if each.until_us is not None), default=None)

    def due(self, now_us: int) -> set[str]:
        """Consumers of whom a period has ended."""
        return {name for name, each in self._denied.items() if each.until_us is not None and each.until_us <= now_us}

    def update(self, found: Mapping[str, Denial | None]) -> None:
        """Take in how some consumers stand now."""
        before = dict(self._denied)
        for consumer, denial in found.items():
            if denial is None:
                self._denied.pop(consumer, None)
            else:
                self._denied[consumer] = denial
        if self._denied != before:
            self._tell()

    def touch(self) -> None:
        """The document is another one: whoever waits looks at the list again."""
        self._tell()

    def close(self) -> None:
        """Nobody waits any more."""
        self._closed = True
        self._tell()

    def list_of(self, gateway: str, consumers: Mapping[str, LedgerConsumer]) -> DenyList:
        """The list of one gateway: an entry for each client id."""
        entries = [
            {
                "client": client,
                "consumer": name,
                "reason": denial.reason,
                "budget": denial.budget or None,
                "until": None if denial.until_us is None else instant(denial.until_us).isoformat(),
            }
            for name, denial in sorted(self._denied.items())
            if (consumer := consumers.get(name)) is not None and gateway in consumer.gateways
            for client in consumer.clients
        ]
        return DenyList(short(entries), entries)

    async def change(self, seconds: float) -> bool:
        """Wait for a change.

        Returns:
            False: there was none in this time, or there will be none.
        """
        if self._closed:
            return False
        changed = self._changed
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await changed.wait()
        except TimeoutError:
            return False
        return not self._closed

    def _tell(self) -> None:
        metrics.denied_consumers.set(len(self._denied))
        self._changed.set()
        self._changed = asyncio.Event()
