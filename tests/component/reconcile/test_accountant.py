"""The operator asks a real ledger how budgets stand, by TLS, and tells of it when there is something to tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from paceline.api.consumer import Consumer
from paceline.errors import Waiting
from paceline.kube.resources import Key
from paceline.reconcile import accountant
from paceline.reconcile.accountant import Accountant
from paceline.settings import OperatorSettings, microseconds
from tests.support import consumers
from tests.support.certificates import certificate_for
from tests.support.ledger_config import a_budget, a_config, a_consumer
from tests.support.ledger_service import TOKENS, Desk, replicas
from tests.support.ports import free_port
from tests.support.records import record
from tests.support.worlds import configuration, eventually, stays


def a_spender(name: str = "acme") -> Consumer:
    return consumers.consumer({"budgets": [consumers.budget(amount="0.002")]}, namespace="shop", name=name)


class World:
    def __init__(self, folder: Path, port: int) -> None:
        given = {"ledgerHost": "localhost", "ledgerPort": port, "tlsFolder": str(folder)}
        settings = configuration(gateways=given | {"tokenFile": str(folder / "token")})
        made = OperatorSettings.model_validate(settings)
        self.port = port
        self.known = (a_spender(), a_spender("other"), consumers.consumer({}, namespace="shop", name="free"))
        self.told: list[str] = []
        self.leads = True
        self.made = Accountant(
            lambda: made, lambda: self.leads, lambda: self.known, self._changed, (folder / "ca.crt").read_text
        )

    def _changed(self, key: Key) -> None:
        self.told.append(key.name)

    def spent(self) -> list[str]:
        return [each["spent"] for each in self.made.account(self.known[0], None).shown.budgets]


@asynccontextmanager
async def running(folder: Path, port: int) -> AsyncIterator[World]:
    certificate, key = certificate_for("localhost")
    for name, data in {"tls.crt": certificate, "tls.key": key, "ca.crt": certificate}.items():
        (folder / name).write_bytes(data)
    (folder / "token").write_text(TOKENS["reader"])
    made = World(folder, port)
    task = asyncio.create_task(made.made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def a_ledger(folder: Path, port: int) -> AsyncIterator[Desk]:
    async with replicas(f"sqlite:///{folder}/l.db", folder, tls=folder, now_us=microseconds, port=port) as (desk,):
        budgets = [a_budget("0.002", mode="Soft")]
        await desk.configure(
            a_config(consumers=[a_consumer(budgets=budgets), a_consumer("shop/other", budgets=budgets)])
        )
        yield desk


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accountant, "_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(accountant, "_SILENT_SECONDS", 0.5)


async def test_a_step_is_told_at_once_and_lesser_figures_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    async with running(tmp_path, port) as world, a_ledger(tmp_path, port) as desk:
        await eventually(lambda: sorted(world.told) == ["acme", "other"] and world.spent() == ["0.00"])
        world.told.clear()
        at = microseconds()
        await desk.send(record(started_us=at))
        await eventually(lambda: world.spent() == ["0.001"])
        await stays(lambda: world.told == [])
        await desk.send(record(id="2", started_us=at))
        await eventually(lambda: world.told == ["acme"])
        await desk.send(record(id="3", started_us=at))
        await eventually(lambda: world.spent() == ["0.003"])
        await stays(lambda: world.told == ["acme"])
        monkeypatch.setattr(accountant, "_FIGURES_SECONDS", 0.0)
        await eventually(lambda: world.told == ["acme", "acme"])
        await stays(lambda: world.told == ["acme", "acme"])


async def test_a_ledger_that_stays_away_is_told_and_its_return_too(tmp_path: Path) -> None:
    port = free_port()
    async with running(tmp_path, port) as world:
        async with a_ledger(tmp_path, port):
            await eventually(lambda: world.made.account(world.known[0], None).answers)
        world.told.clear()
        await eventually(lambda: sorted(world.told) == ["acme", "other"])
        account = world.made.account(world.known[0], None)
        assert (account.asked, account.answers) == (True, False)
        async with a_ledger(tmp_path, port):
            await eventually(lambda: world.made.account(world.known[0], None).answers)


async def test_who_does_not_lead_asks_nobody(tmp_path: Path) -> None:
    port = free_port()
    async with running(tmp_path, port) as world:
        world.leads = False
        async with a_ledger(tmp_path, port):
            await stays(lambda: not world.made.account(world.known[0], None).asked and not world.told, 0.5)
            world.leads = True
            await eventually(lambda: world.spent() == ["0.00"])


async def test_an_operator_without_a_certificate_goes_on_asking(tmp_path: Path) -> None:
    def nothing() -> str:
        raise Waiting("ApplyRefused", "ca.crt cannot be read.")

    async with running(tmp_path, free_port()) as world:
        given, world.made._authority = world.made._authority, nothing
        await eventually(lambda: world.told, 10, "it is told that the ledger says nothing")
        world.made._authority = given
        async with a_ledger(tmp_path, world.port):
            await eventually(lambda: world.made.account(world.known[0], None).answers)
