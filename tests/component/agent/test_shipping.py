"""From the log to the ledger: what is cut, rotated, thrown away, lost or asked for again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from paceline.agent import metrics
from paceline.agent.checkpoint import Checkpoints
from paceline.agent.errors import ProxyGone
from paceline.agent.held import Held, Numbered
from paceline.agent.keeping import Keeping
from paceline.agent.logfiles import LogFiles
from paceline.agent.remote import Remote
from paceline.agent.settings import Settings
from paceline.agent.shipping import Shipping
from paceline.agent.words import Words
from paceline.api.record import Outcome
from paceline.gateway.snapshot import Program
from paceline.settings import microseconds
from tests.support.agent import TOKEN, Ledger
from tests.support.lines import kept
from tests.support.worlds import eventually, stays

WHOLE, STREAM = kept()["whole"], kept()["stream"]


class Envoy:
    """Writes a log as Envoy does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "requests.jsonl"
        self.file = self.path.open("ab")
        self.number = 0
        self.gone = False
        self.failed = 0
        self.process = 1

    def write(self, *lines: bytes, end: bytes = b"\n") -> None:
        self.file.write(b"".join(line + end for line in lines))
        self.file.flush()

    def request(self, lines: list[bytes] = WHOLE) -> str:
        self.number += 1
        number = f"request-{self.number}"
        self.write(*(line.replace(_id(lines), number.encode()) for line in lines))
        return number

    async def reopen_logs(self) -> None:
        if self.gone:
            raise ProxyGone("ProxyGone", "gone")
        self.file.close()
        self.file = self.path.open("ab")

    async def started_second(self) -> int:
        return self.process

    async def counters(self, _: str) -> dict[str, int]:
        return {"filesystem.write_failed": self.failed}


def _id(lines: list[bytes]) -> bytes:
    return str(json.loads(lines[0])["id"]).encode()


class World:
    """A log, an agent's shipping, a ledger."""

    def __init__(self, folder: Path, ledger: Ledger, session: aiohttp.ClientSession) -> None:
        for name in ("files", "logs"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "token").write_text(TOKEN)
        self.folder, self.ledger = folder, ledger
        self.envoy = Envoy(folder / "logs")
        self._remote = Remote(session, f"http://127.0.0.1:{ledger.port}", folder / "token", None)
        self._tasks: list[asyncio.Task[None]] = []
        self.settings = Settings("ns/public", "p", "", "", None, folder / "token", folder / "files", folder / "logs")
        self.now_us = microseconds

    def start(self, **bounds: Any) -> Shipping:
        files = LogFiles(self.folder / "logs")
        held = Held(self.folder / "files", "ns/public")
        checkpoints = Checkpoints(self.folder / "files")
        shipping = Shipping(files, checkpoints, held, self._remote, "ns/public", self._now_us)
        words, settings = Words(self.folder / "logs"), replace(self.settings, **bounds)
        keeping = Keeping(files, words, shipping, self.envoy, settings)  # type: ignore[arg-type]
        self._tasks = [asyncio.create_task(each) for each in (shipping.run(), keeping.run())]
        return shipping

    def _now_us(self) -> int:
        return self.now_us()

    async def stop(self) -> None:
        for each in self._tasks:
            each.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            assert isinstance(result, asyncio.CancelledError), result
        self._tasks = []

    async def shipped(self, *numbers: str) -> None:
        await eventually(lambda: all(self.ledger.of(each) for each in numbers), 10, f"records of {numbers}")


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    ledger = Ledger()
    async with ledger.serving(), aiohttp.ClientSession() as session:
        found = World(tmp_path, ledger, session)
        yield found
        await found.stop()
        found.envoy.file.close()


async def test_a_line_in_two_writes_is_one_line(world: World) -> None:
    world.start()
    world.envoy.write(WHOLE[0])
    world.envoy.write(WHOLE[1][:100], end=b"")
    await stays(lambda: world.ledger.found == {})
    world.envoy.write(WHOLE[1][100:])
    await world.shipped(_id(WHOLE).decode())


async def test_unreadable_lines_are_counted_and_stop_no_other(world: World) -> None:
    before = metrics.unreadable_total._value.get()
    world.start()
    world.envoy.write(b"nonsense", b"", b'{"type":"DownstreamEnd"}')
    await world.shipped(world.envoy.request())
    assert metrics.unreadable_total._value.get() == before + 2


async def test_a_log_is_rotated_and_all_of_it_shipped_while_it_grows(world: World) -> None:
    world.start(rotate_bytes=20_000)
    numbers: list[str] = []
    while len(numbers) < 300:
        numbers += [world.envoy.request() for _ in range(5)]
        await asyncio.sleep(0.03)
    await world.shipped(*numbers)
    assert len(world.ledger.found) == len(numbers)
    await eventually(lambda: not list((world.folder / "logs").glob("requests-*.jsonl")))
    assert len(world.ledger.known) >= 3
    assert world.ledger.replayed == 0


async def test_a_log_is_rotated_over_starts_and_while_envoy_is_gone(world: World) -> None:
    world.start(rotate_bytes=5_000)
    world.envoy.gone = True
    numbers = [world.envoy.request() for _ in range(10)]
    await eventually((world.folder / "logs/requests-1.jsonl").exists)
    await world.stop()
    numbers += [world.envoy.request() for _ in range(3)]
    world.start(rotate_bytes=50_000)
    await world.shipped(*numbers)
    world.envoy.gone = False
    await eventually(lambda: not (world.folder / "logs/requests-1.jsonl").exists(), 10, "the old log is gone")
    await world.stop()
    numbers += [world.envoy.request() for _ in range(3)]
    world.start(rotate_bytes=50_000)
    await world.shipped(*numbers)
    assert len(world.ledger.found) == len(numbers)
    assert world.ledger.replayed <= 10


async def test_a_ledger_that_lost_a_part_gets_everything_again_under_another_name(world: World) -> None:
    world.start()
    first = world.envoy.request()
    await world.shipped(first)
    world.ledger.known.clear()
    world.ledger.found.clear()
    second = world.envoy.request()
    await world.shipped(first, second)


async def test_a_checkpoint_that_is_lost_costs_a_replay_and_nothing_else(world: World) -> None:
    world.start()
    first = world.envoy.request()
    await world.shipped(first)
    await world.stop()
    (world.folder / "files/agent/log.json").write_text("{")
    world.start()
    await world.shipped(first, world.envoy.request())
    assert world.ledger.replayed == 1


async def test_a_log_that_was_cut_is_read_from_its_beginning(world: World) -> None:
    world.start()
    await world.shipped(*(world.envoy.request() for _ in range(5)))
    world.envoy.file.truncate(0)
    await world.shipped(world.envoy.request())


async def test_what_a_long_outage_leaves_is_bounded_and_the_loss_is_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    before = metrics.dropped_bytes_total._value.get()
    world.ledger.down = True
    world.start(rotate_bytes=10_000, most_bytes=40_000)
    while world.envoy.number < 100:
        world.envoy.request()
        await asyncio.sleep(0.02)
    folder = world.folder / "logs"
    await eventually(lambda: sum(each.stat().st_size for each in folder.iterdir()) < 70_000)
    await eventually(lambda: metrics.dropped_bytes_total._value.get() > before)
    assert "are lost to the ledger" in caplog.text
    left = b"".join(each.read_bytes() for each in folder.iterdir())
    numbers = [f"request-{number}" for number in range(1, 101) if b'"request-%d"' % number in left]
    assert 10 < len(numbers) < 100
    world.ledger.down = False
    await world.shipped(*numbers, world.envoy.request())
    # It goes on behind the loss, and does not begin anew.
    assert len({log.split("-")[0] for log in world.ledger.known}) == 1


async def test_lines_that_envoy_could_not_write_are_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.start()
    world.envoy.failed = 3
    await eventually(lambda: "could not write its log 3 times" in caplog.text)


async def test_a_volume_that_is_nearly_full_is_told_once(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LogFiles, "free", lambda _: 1000)
    world.start()
    await eventually(lambda: "1000 bytes are free" in caplog.text)
    await stays(lambda: caplog.text.count("1000 bytes are free") == 1, 1.2)


async def test_requests_of_an_envoy_that_is_no_more_are_interrupted_some_seconds_later(world: World) -> None:
    world.start()
    during = json.loads(STREAM[-1]) | {"type": "DownstreamPeriodic", "last_byte_us": None, "duration_us": None}
    world.envoy.write(STREAM[0], json.dumps(during).encode())
    number = _id(STREAM).decode()
    began = int(float(during["emitted"])) + 10
    world.envoy.process = began
    world.now_us = lambda: (began + 4) * 1_000_000
    await stays(lambda: world.ledger.of(number) == [], 1)
    world.now_us = lambda: (began + 6) * 1_000_000
    await world.shipped(number)
    assert [each.outcome for each in world.ledger.of(number)] == [Outcome.INTERRUPTED]


async def test_nothing_is_said_to_be_complete_while_a_request_is_open(world: World) -> None:
    world.now_us = lambda: 2 * 10**15
    world.start()
    end = json.loads(STREAM[-1])
    world.envoy.write(STREAM[0])
    await world.shipped(world.envoy.request())
    assert world.ledger.complete_us <= float(end["emitted"]) * 1_000_000
    world.envoy.write(STREAM[-1])
    await world.shipped(_id(STREAM).decode())
    await world.shipped(world.envoy.request())
    assert world.ledger.complete_us == 2 * 10**15 - 2_000_000


async def test_at_the_end_of_a_pod_all_is_sent_and_what_is_open_is_interrupted(world: World) -> None:
    shipping = world.start()
    world.ledger.down = True
    number = world.envoy.request()
    await eventually(lambda: shipping.at.parcel)
    world.envoy.write(STREAM[0])
    await world.stop()
    world.ledger.down = False
    await shipping.finish(gone=True)
    assert [each.outcome for each in world.ledger.of(number)] == [Outcome.COMPLETED]
    assert [each.outcome for each in world.ledger.of(_id(STREAM).decode())] == [Outcome.INTERRUPTED]


async def test_a_line_longer_than_any_that_is_right_does_not_stop_the_way(world: World) -> None:
    world.start()
    world.envoy.write(b"x" * (3 << 20))
    await world.shipped(world.envoy.request())


def test_keeping_is_quiet_without_logs(tmp_path: Path) -> None:
    assert Words(tmp_path).read(5) == (0, "")
    assert LogFiles(tmp_path).read(1, 0, 10).lines == ()
    with contextlib.suppress(FileNotFoundError):
        assert LogFiles(tmp_path / "none").old() == []


async def test_nothing_is_sent_that_could_not_be_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Any, __: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", full)
        world.start()
        number = world.envoy.request()
        await stays(lambda: world.ledger.found == {}, 2.5)
    await world.shipped(number)


async def test_the_end_of_a_log_that_was_put_aside_is_no_end(world: World) -> None:
    """A request of the first second of an Envoy goes on in the next log."""
    during = json.loads(STREAM[-1]) | {"type": "DownstreamPeriodic", "last_byte_us": None, "duration_us": None}
    world.envoy.write(STREAM[0], json.dumps(during).encode())
    (world.folder / "logs/requests.jsonl").rename(world.folder / "logs/requests-1.jsonl")
    await world.envoy.reopen_logs()
    world.envoy.write(STREAM[-1])
    shipping = world.start()
    await world.stop()
    await shipping.finish(gone=True)
    assert [each.outcome for each in world.ledger.of(_id(STREAM).decode())] == [Outcome.COMPLETED]


async def test_teams_and_classes_are_those_of_the_program_that_is_held(world: World) -> None:
    client = "external.ab12cd34.ns.acme"
    made = Program("ns/public", {}, {}, {client: "shop"}, (), {"external.ab12cd34": "batch"})
    Held(world.folder / "files", "ns/public").keep(Numbered(1, made, made.digest))
    world.start()
    number = world.envoy.request()
    await world.shipped(number)
    assert [(each.team, each.request_class) for each in world.ledger.of(number)] == [("shop", "batch")]
