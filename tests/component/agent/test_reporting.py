"""Reports of agents, and who takes them."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paceline.agent.errors import ProxyGone
from paceline.agent.held import Held
from paceline.agent.remote import Answer
from paceline.agent.reporting import Reporting
from tests.support.worlds import eventually


class Replicas:
    """A Service with several replicas behind it, which answer one after the other."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.taken: list[Any] = []

    async def ask(self, method: str, path: str, data: bytes, **_: Any) -> Answer:
        status = self._statuses.pop(0) if self._statuses else 204
        if status == 204:
            self.taken.append((method, path, json.loads(data)))
        return Answer(status, b"")


class Away:
    async def counters(self, _: str) -> dict[str, int]:
        raise ProxyGone("ProxyGone", "not there")


@pytest.mark.parametrize(("statuses", "told"), [((421, 421, 421), []), ((503,), ["no report: "])])
async def test_the_leader_is_looked_for_among_the_replicas_and_nothing_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, statuses: tuple[int, ...], told: list[str]
) -> None:
    caplog.set_level(logging.WARNING)
    replicas = Replicas(*statuses)
    issuers = SimpleNamespace(lacking={})
    held = Held(tmp_path, "ml/public")
    reporting = Reporting(replicas, held, Away(), issuers, "ml/public", "a")  # type: ignore[arg-type]
    task = asyncio.create_task(reporting.run(SimpleNamespace(serving=7)))  # type: ignore[arg-type]
    await eventually(lambda: replicas.taken, 3)
    task.cancel()
    (method, path, said) = replicas.taken[0]
    assert (method, path, said["pod"], said["generation"]) == ("POST", "/v1/reports/ml/public", "a", 7)
    assert [each[:11] for each in caplog.messages] == told
