"""The operator tells a real ledger of its Gateways, by TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from paceline.api.ledger_config import LedgerConsumer, LedgerGateway
from paceline.gateway.terms import Terms
from paceline.ledger.store import Store
from paceline.reconcile import bookkeeper
from paceline.reconcile.bookkeeper import Bookkeeper
from paceline.settings import OperatorSettings
from tests.support.certificates import certificate_for
from tests.support.ledger_config import a_config
from tests.support.ledger_service import TOKENS, Desk, replicas
from tests.support.worlds import configuration, eventually, stays


def part(name: str, *consumers: str) -> Terms:
    named = tuple(LedgerConsumer(name=each, gateways=(name,), clients=(f"c.{each}",)) for each in consumers)
    return Terms(LedgerGateway(name=name), named)


class World:
    def __init__(self, desk: Desk, settings: OperatorSettings) -> None:
        self.desk = desk
        self.parts: list[Terms] | None = [part("ml/public", "ml/site")]
        self.leads = True
        authority = Path(settings.gateways.tls_folder) / "ca.crt"
        self.keeper = Bookkeeper(lambda: self.parts, lambda: settings, lambda: self.leads, authority.read_text)

    def known(self) -> tuple[set[str], set[str]]:
        book = self.desk.service.book
        return (set(book.gateways), set(book.consumers)) if book else (set(), set())


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    certificate, key = certificate_for("localhost")
    for name, data in {"tls.crt": certificate, "tls.key": key, "ca.crt": certificate}.items():
        (folder / name).write_bytes(data)
    (folder / "token").write_text(TOKENS["operator"])
    async with replicas(f"sqlite:///{folder}/ledger.db", folder, tls=folder) as (desk,):
        given = {"ledgerHost": "localhost", "ledgerPort": desk.port, "tlsFolder": str(folder)}
        settings = configuration(gateways=given | {"tokenFile": str(folder / "token")})
        made = World(desk, OperatorSettings.model_validate(settings))
        running = asyncio.create_task(made.keeper.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_the_ledger_learns_what_there_is_and_each_change(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await eventually(lambda: made.known() == ({"ml/public"}, {"ml/site"}))
        made.parts = [part("ml/public", "ml/site", "ml/app"), part("ml/inner")]
        made.keeper.tell()
        await eventually(lambda: made.known() == ({"ml/public", "ml/inner"}, {"ml/site", "ml/app"}))


async def test_a_ledger_without_gateways_is_told_so_and_becomes_ready(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        made.parts = []
        await eventually(lambda: made.desk.service.ready)


async def test_nothing_is_told_while_some_gateways_were_not_looked_at(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        made.parts = None
        await stays(lambda: made.desk.service.book is None, 0.6)
        made.parts = [part("ml/public")]
        made.keeper.tell()
        await eventually(lambda: made.known()[0] == {"ml/public"})


async def test_who_does_not_lead_tells_nothing_until_it_does(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        made.leads = False
        await stays(lambda: made.desk.service.book is None, 0.6)
        made.leads = True
        await eventually(lambda: made.known()[0] == {"ml/public"})


async def test_after_a_restart_the_number_goes_on_from_what_the_ledger_has(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        made.parts = None
        answer = await made.desk.configure(a_config(generation=57))
        assert answer.status == 200
        made.parts = [part("ml/public", "ml/site")]
        made.keeper.tell()
        await eventually(lambda: made.known() == ({"ml/public"}, {"ml/site"}))
        assert made.desk.service.book is not None
        assert made.desk.service.book.generation > 57


async def test_a_ledger_that_is_away_is_told_when_it_is_back(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        (tmp_path / "token").write_text("wrong")
        made.keeper.tell()
        await eventually(lambda: made.known()[0] == {"ml/public"} or made.desk.service.book is None)
        made.parts = [part("ml/later")]
        made.keeper.tell()
        await stays(lambda: made.known()[0] != {"ml/later"}, 0.5)
        (tmp_path / "token").write_text(TOKENS["operator"])
        await eventually(lambda: made.known()[0] == {"ml/later"})


async def test_a_ledger_that_has_lost_its_database_is_told_again_though_nothing_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bookkeeper, "_ASK_SECONDS", 0.2)
    async with world(tmp_path) as made:
        await eventually(lambda: made.known()[0] == {"ml/public"})
        made.desk.service.book = None
        made.desk.service.access._store = Store.open(f"sqlite:///{tmp_path}/another.db")
        await eventually(lambda: made.known()[0] == {"ml/public"})
