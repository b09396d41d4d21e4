"""Places at engines, whichever replica keeps the queue: this one, or one that is asked."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import Any

import aiohttp
from pydantic import TypeAdapter

from paceline.decide.queue import Decision, Ticket
from paceline.decide.ring import order
from paceline.ledger.service.rooms import Rooms, clock_us
from paceline.ledger.service.settings import Settings

_log = logging.getLogger(__name__)

_SECOND_US = 1_000_000
_CONNECT_SECONDS = 1.0
#: For the owner's answer, beyond the deadline of the request.
_SLACK_SECONDS = 5.0
_DECISION = TypeAdapter(Decision)
_TICKET = TypeAdapter(Ticket)


class Owners:
    """Finds the owner of a deployment's queue, and takes its place where it is gone.

    Args:
        settings: Which replicas there are.
        rooms: The queues of this one.
        session: Of the process.
    """

    def __init__(self, settings: Settings, rooms: Rooms, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._rooms = rooms
        self._session = session

    async def place(self, deployment: str, ticket: Ticket) -> Decision:
        """Wait for a place at an engine of a deployment."""
        for replica in order(deployment, self._settings.names):
            if replica == self._settings.replica:
                break
            try:
                return await self._ask(self._settings.replicas[replica], deployment, ticket)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                words = str(error) or type(error).__name__
                _log.warning("replica %s cannot be asked for a place at %s: %s", replica, deployment, words)
        # It is the owner, or those with a better right are gone.
        return await self._rooms.room(deployment).enter(ticket)

    async def _ask(self, url: str, deployment: str, ticket: Ticket) -> Decision:
        seconds = max(0, ticket.deadline_us - clock_us()) / _SECOND_US
        timeout = aiohttp.ClientTimeout(total=seconds + _SLACK_SECONDS, sock_connect=_CONNECT_SECONDS)
        headers = {"Authorization": f"Bearer {await asyncio.to_thread(self._settings.peer_token)}"}
        asked = question(deployment, ticket)
        async with self._session.post(f"{url}/v1/places", json=asked, headers=headers, timeout=timeout) as answer:
            answer.raise_for_status()
            return _DECISION.validate_json(await answer.read())


def question(deployment: str, ticket: Ticket) -> dict[str, Any]:
    """What another replica is asked. Its clock is another one, so the deadline is the time that is left."""
    return {"deployment": deployment, "ticket": asdict(ticket) | {"deadline_us": ticket.deadline_us - clock_us()}}


def asked(document: Any) -> tuple[str, Ticket]:
    """What another replica asks.

    Raises:
        ValueError: it is no such question.
    """
    if not isinstance(document, dict) or not isinstance(document.get("deployment"), str):
        raise ValueError("a question for a place has a deployment and a ticket")
    ticket = document.get("ticket")
    if isinstance(ticket, dict) and isinstance(ticket.get("deadline_us"), int):
        ticket = ticket | {"deadline_us": ticket["deadline_us"] + clock_us()}
    return document["deployment"], _TICKET.validate_python(ticket)
