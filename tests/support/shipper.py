"""Sends a ledger what a proxy has logged: each request that has ended, with at most one attempt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paceline.api.question import parse
from paceline.api.record import Outcome, Record, UsageSource
from paceline.settings import microseconds
from tests.support.ledger_config import GATEWAY
from tests.support.ledger_service import Desk
from tests.support.records import record


@dataclass
class Shipper:
    """One gateway pod's.

    Attributes:
        log: Where the proxy writes.
        who: The pod, by its token.
        shipped: Ids of the requests that the ledger has.
        answered: How many of them were answered.
    """

    desk: Desk
    log: Path
    who: str
    shipped: set[str]
    answered: int = 0
    _read: int = 0

    @classmethod
    def of(cls, desk: Desk, log: str, who: str = "pod-1") -> Shipper:
        return cls(desk, Path(log), who, set())

    async def ship(self) -> None:
        """Send the whole lines that have come."""
        whole, _, _ = self._more().rpartition(b"\n")
        lines = [json.loads(each) for each in whole.splitlines()]
        records = [_record(each) for each in lines if each["type"] == "DownstreamEnd" and each["request"]]
        if records:
            answer = await self.desk.send(*records, who=self.who, completeUs=microseconds())
            assert (answer.status, answer.json["quarantined"]) == (200, 0), answer.text
        self.shipped |= {each.request_id for each in records}
        self.answered += sum(each.outcome == Outcome.COMPLETED for each in records)
        self._read += len(whole) + bool(whole)

    def _more(self) -> bytes:
        """What is in the log behind what was shipped."""
        if not self.log.exists():
            return b""
        with self.log.open("rb") as file:
            file.seek(self._read)
            return file.read()


def _record(line: dict[str, Any]) -> Record:
    question, target = parse(line["request"]), json.loads(line["backend"] or "{}")
    usage, sent = json.loads(line["usage"] or "{}"), line["attempts"] or 0
    assert sent <= 1, "each attempt would be a record of its own"
    return record(
        id=f"{line['id']}.{sent}",
        request_id=line["id"],
        gateway=GATEWAY,
        consumer=question.consumer,
        team="",
        route=question.model,
        model=target.get("model", "") if sent else "",
        backend=target.get("backend", "") if sent else "",
        deployment="",
        revision="",
        attempt=sent,
        attempts=sent,
        outcome=Outcome.COMPLETED if line["code"] == 200 else Outcome.REFUSED,
        status=line["code"],
        streamed=question.stream,
        started_us=round(float(line["started"]) * 1_000_000),
        ttft_us=None,
        last_us=None,
        duration_us=line["duration_us"] or 0,
        input_tokens=usage.get("prompt_tokens", 0),
        output_tokens=usage.get("completion_tokens", 0),
        cached_tokens=0,
        usage_source=UsageSource.REPORTED if usage else UsageSource.MISSING,
    )
