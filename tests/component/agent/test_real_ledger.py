"""What an agent sends is what the ledger takes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest_asyncio

from paceline.agent.checkpoint import Checkpoints
from paceline.agent.held import Held
from paceline.agent.logfiles import LogFiles
from paceline.agent.remote import Remote
from paceline.agent.shipping import Shipping
from paceline.settings import microseconds
from tests.support.ledger_config import a_config
from tests.support.ledger_service import TOKENS, Desk, replicas
from tests.support.lines import SHOWN, kept


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with replicas(f"sqlite:///{tmp_path}/ledger.db", tmp_path, now_us=microseconds) as (found,):
        await found.configure(a_config())
        yield found


async def test_the_ledger_takes_every_record_once_and_waits_for_no_more(desk: Desk, tmp_path: Path) -> None:
    for name in ("files", "logs"):
        (tmp_path / name).mkdir()
    (tmp_path / "token").write_text(TOKENS["pod-1"])
    now = str(microseconds() // 1_000_000).encode()
    texts = [line for lines in kept().values() for line in lines]
    (tmp_path / "logs/requests.jsonl").write_bytes(b"".join(_at(line, now) + b"\n" for line in texts))
    before = await _counted(desk)
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            held = Held(tmp_path / "files", "platform/public")
            shipping = Shipping(
                LogFiles(tmp_path / "logs"),
                Checkpoints(tmp_path / "files"),
                held,
                Remote(session, f"http://127.0.0.1:{desk.port}", tmp_path / "token", None),
                "platform/public",
            )
            await shipping.finish(gone=False)
            (tmp_path / "files/agent/log.json").unlink()
    made = float(sum(map(len, SHOWN.values())))
    assert {name: value - before[name] for name, value in (await _counted(desk)).items()} == {
        "Recorded": made,
        "Replayed": made,
        "Quarantined": 0.0,
    }


async def _counted(desk: Desk) -> dict[str, float]:
    """Lines by what became of them."""
    text = (await desk.ask("GET", "/metrics")).text
    found = dict(re.findall(r'^paceline_ledger_records_total\{outcome="(\w+)"\} (\S+)$', text, re.MULTILINE))
    return {name: float(found.get(name, 0)) for name in ("Recorded", "Replayed", "Quarantined")}


def _at(line: bytes, second: bytes) -> bytes:
    """The same line, now."""
    return re.sub(rb'"(started|emitted)":"\d{10}', lambda found: b'"' + found[1] + b'":"' + second, line)
