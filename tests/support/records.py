"""Builders of gateway records: one that is as usual, and what is different about it."""

from __future__ import annotations

from typing import Any

from paceline.api.record import Outcome, Purpose, Record, UsageSource

#: 2026-11-02T10:00:00Z, in microseconds.
MONDAY = 1_793_613_600_000_000

USUAL: dict[str, Any] = {
    "id": "r1.1",
    "request_id": "r1",
    "gateway": "platform/public",
    "consumer": "shop/acme",
    "team": "support",
    "route": "support-bot",
    "model": "support-llm",
    "backend": "main",
    "deployment": "ml/support-llm",
    "revision": "support-llm-0123abcd",
    "request_class": "other",
    "attempt": 1,
    "attempts": 1,
    "superseded": False,
    "purpose": Purpose.USER,
    "outcome": Outcome.COMPLETED,
    "status": 200,
    "streamed": True,
    "started_us": MONDAY,
    "ttft_us": 200_000,
    "last_us": 1_190_000,
    "duration_us": 1_200_000,
    "input_tokens": 1000,
    "cached_tokens": 400,
    "output_tokens": 100,
    "reasoning_tokens": 0,
    "usage_source": UsageSource.REPORTED,
    "usage_complete": True,
    "ttft_target_us": 500_000,
    "tpot_target_us": 50_000,
    "media": 2,
}


def record(**changes: Any) -> Record:
    """A streamed answer of 100 tokens to 1,000, 200 ms to the first and 10 ms for each further one."""
    return Record(**(USUAL | changes))
