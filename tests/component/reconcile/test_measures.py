"""What users met is asked of a real ledger, by TLS, in one question for all; nothing waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from paceline.api.record import Record
from paceline.decide.front import Met
from paceline.kube.resources import Key
from paceline.reconcile import measures as module
from paceline.reconcile.measures import Measures
from paceline.settings import OperatorSettings
from tests.support.certificates import certificate_for
from tests.support.ledger import NOW
from tests.support.ledger_config import a_config
from tests.support.ledger_service import TOKENS, Clock, Desk, replicas
from tests.support.records import record
from tests.support.worlds import configuration, eventually, stays

CHAT, IDLE = Key("ml", "support-llm"), Key("ml", "idle")


class World:
    def __init__(self, desk: Desk, settings: OperatorSettings, folder: Path) -> None:
        self.desk = desk
        self.folder = folder
        self.leads = True
        self.at = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
        self.looked_at: list[Key] = []
        self.measures = Measures(
            self.looked_at.append,
            lambda: settings,
            lambda: self.leads,
            lambda: {CHAT, IDLE},
            (folder / "ca.crt").read_text,
            wall=lambda: self.at,
        )

    async def send(self, *records: Record) -> None:
        assert (await self.desk.send(*records)).status == 200

    def shown(self, key: Key = CHAT) -> tuple[int, int] | None:
        found = self.measures.met(key)
        return (found.eligible, found.good) if found else None

    def let_in(self, *, right: bool) -> None:
        (self.folder / "token").write_text(TOKENS["reader"] if right else "wrong")


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    certificate, key = certificate_for("localhost")
    for name, data in {"tls.crt": certificate, "tls.key": key, "ca.crt": certificate}.items():
        (folder / name).write_bytes(data)
    async with replicas(f"sqlite:///{folder}/ledger.db", folder, tls=folder, now_us=Clock(NOW)) as (desk,):
        given = {"ledgerHost": "localhost", "ledgerPort": desk.port, "tlsFolder": str(folder)}
        settings = configuration(gateways=given | {"tokenFile": str(folder / "token")})
        made = World(desk, OperatorSettings.model_validate(settings), folder)
        made.let_in(right=True)
        await desk.configure(a_config())
        running = asyncio.create_task(made.measures.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_the_ledgers_figures_are_shown_and_move_once_a_minute(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "_ASK_SECONDS", 0.05)
    async with world(tmp_path) as made:
        await eventually(lambda: made.shown() == (0, 0))
        assert set(made.looked_at) == {CHAT, IDLE}, "of all it is known now that nobody asked"
        made.looked_at.clear()
        await made.send(record(), record(id="2"), record(id="3", ttft_us=600_000, revision="next"))
        await eventually(lambda: made.shown() == (3, 2))
        found = made.measures.met(CHAT)
        assert isinstance(found, Met)
        assert (round(found.ttft["p50"]), set(found.ttft)) == (200, {"p50", "p95", "p99"})
        assert made.looked_at == [CHAT]
        await made.send(record(id="4"))
        await stays(lambda: made.shown() == (3, 2), 0.3)
        made.at += timedelta(seconds=60)
        await eventually(lambda: made.shown() == (4, 3))
        assert made.looked_at == [CHAT, CHAT]
        assert isinstance(made.desk.service.now_us, Clock)
        made.desk.service.now_us.now_us += 400_000_000
        made.at += timedelta(seconds=60)
        await eventually(lambda: made.shown() == (0, 0))
        assert made.shown(IDLE) == (0, 0)


async def test_a_ledger_that_is_silent_is_lost_after_minutes_and_found_again(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "_ASK_SECONDS", 0.05)
    async with world(tmp_path) as made:
        await made.send(record())
        await eventually(lambda: made.shown() == (1, 1))
        made.let_in(right=False)
        made.looked_at.clear()
        made.at += timedelta(seconds=179)
        await stays(lambda: not made.measures.lost, 0.3)
        made.at += timedelta(seconds=1)
        await eventually(lambda: made.measures.lost)
        assert (set(made.looked_at), made.shown()) == ({CHAT, IDLE}, (1, 1))
        made.looked_at.clear()
        made.let_in(right=True)
        await eventually(lambda: not made.measures.lost)
        assert set(made.looked_at) == {CHAT, IDLE}
        made.leads = False
        await eventually(lambda: made.shown() is None)
