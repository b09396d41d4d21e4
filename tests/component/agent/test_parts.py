"""Small parts: Envoy's words, its counters of credentials, drains, and the command."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from paceline.agent import draining
from paceline.agent.credentials import Credentials
from paceline.agent.draining import Drain
from paceline.agent.errors import ProxyGone
from paceline.agent.words import FILE, Words, said
from paceline.cli.main import run
from tests.support.ports import free_port
from tests.support.worlds import stays

LOG = """\
[2026-11-27 16:35:10.449][3152][warning][config] [source/x.cc:81] Filesystem config update rejected: Invalid: goo
seconds: -5

[2026-11-27 16:35:11.630][3152][warning][config] [source/x.cc:81] Something else
"""
SDS = {"sds/first.json": '{"generic_secret": {"secret": {"filename": "/s/first/token"}}}'}


class TestWords:
    def test_a_verdict_of_several_lines_is_one(self) -> None:
        assert said(LOG) == "Invalid: goo seconds: -5"

    def test_the_last_one_counts_and_what_is_none_is_nothing(self) -> None:
        assert said(LOG + "[2026-11-27 16:35:12.000][1] Filesystem config update failure: no JSON\n") == "no JSON"
        assert said("") == said("garbage\nmore") == ""

    def test_only_what_stands_behind_the_mark_is_read(self, tmp_path: Path) -> None:
        words = Words(tmp_path)
        assert (words.mark(), words.since(0)) == (0, "")
        (tmp_path / FILE).write_text(LOG)
        mark = words.mark()
        assert words.since(mark) == ""
        assert words.since(0) == words.since(mark + 1000) != ""

    def test_a_long_log_is_put_aside(self, tmp_path: Path) -> None:
        words = Words(tmp_path)
        assert not words.exchange()
        (tmp_path / FILE).write_bytes(b"x" * (2 << 20))
        assert words.exchange()
        assert not (tmp_path / FILE).exists()
        assert not words.exchange()


class TestCredentials:
    def test_a_file_that_is_refused_is_missing_until_it_is_read(self) -> None:
        found = Credentials()
        found.look({"sds.first.update_rejected": 1}, 0)
        assert found.wanting(SDS) == ["/s/first/token"]
        found.look({"sds.first.update_rejected": 1}, 2)
        assert found.wanting(SDS) == ["/s/first/token"]
        found.look({"sds.first.update_rejected": 1, "sds.first.update_success": 1}, 12)
        assert found.wanting(SDS) == []

    def test_one_that_goes_while_envoy_has_it_is_missing_too(self) -> None:
        found = Credentials()
        found.look({"sds.first.update_success": 3}, 0)
        found.look({"sds.first.update_success": 4, "sds.first.key_rotation_failed": 1}, 10)
        assert found.wanting(SDS) == ["/s/first/token"]

    def test_an_empty_one_is_told_for_a_minute_after_a_request_needed_it(self) -> None:
        found = Credentials()
        found.look({"cluster.first.credential_injector.failed": 2}, 0)
        assert found.wanting(SDS) == ["/s/first/token"]
        found.look({"cluster.first.credential_injector.failed": 2}, 61)
        assert found.wanting(SDS) == []

    def test_another_envoy_begins_to_count_anew(self) -> None:
        found = Credentials()
        found.look({"sds.first.update_rejected": 5, "cluster.first.credential_injector.failed": 5}, 0)
        found.look({"sds.first.update_success": 1}, 100)
        assert found.wanting(SDS) == []
        found.look({"sds.first.update_success": 1, "sds.first.update_rejected": 1}, 101)
        assert found.wanting(SDS) == ["/s/first/token"]

    def test_a_secret_that_the_program_does_not_have_is_nobody_s(self) -> None:
        found = Credentials()
        found.look({"sds.other.update_rejected": 1}, 0)
        assert found.wanting(SDS) == []


class Envoy:
    """Under way: requests; None: it does not answer."""

    def __init__(self, active: int | None) -> None:
        self.at, self.drains = active, 0

    async def drain(self) -> None:
        await self.active()
        self.drains += 1

    async def active(self) -> int:
        if self.at is None:
            raise ProxyGone("ProxyGone", "gone")
        return self.at

    async def running(self) -> bool:
        return self.at is not None


class TestDrain:
    async def test_it_is_over_when_no_request_is_under_way(self) -> None:
        envoy = Envoy(2)
        drain = Drain(envoy, 0, 60)  # type: ignore[arg-type]
        drain.begin()
        drain.begin()
        waiting = asyncio.create_task(drain.wait())
        await stays(lambda: not waiting.done(), 1)
        envoy.at = 0
        assert await asyncio.wait_for(waiting, 3)
        assert envoy.drains == 1

    async def test_it_lasts_until_clients_have_learnt_of_it(self) -> None:
        drain = Drain(Envoy(0), 1.5, 60)  # type: ignore[arg-type]
        drain.begin()
        began = asyncio.get_running_loop().time()
        assert await drain.wait()
        assert asyncio.get_running_loop().time() - began >= 1.5

    async def test_it_ends_with_the_longest_answer(self) -> None:
        drain = Drain(Envoy(1), 0, 0.5)  # type: ignore[arg-type]
        drain.begin()
        assert await asyncio.wait_for(drain.wait(), 3)

    async def test_an_envoy_that_is_gone_is_waited_for_no_longer(self) -> None:
        drain = Drain(Envoy(None), 0, 60)  # type: ignore[arg-type]
        drain.begin()
        assert await asyncio.wait_for(drain.wait(), 3)

    async def test_where_none_begins_nobody_waits_for_its_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(draining, "_BEGIN_SECONDS", 0.1)
        assert not await Drain(Envoy(1), 0, 60).wait()  # type: ignore[arg-type]


class TestCommand:
    GOOD = ("--gateway=ns/public", "--operator=http://o", "--ledger=http://l", "--token-file=/t")

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ("--gateway=public", "--gateway is 'public'"),
            ("--operator=o:1", "--operator is 'o:1'"),
            ("--ledger=", "--ledger is ''"),
            ("--admin=unix:/x", "--admin is 'unix:/x'"),
            ("--folder=/nowhere", "--folder /nowhere is no folder"),
            ("--log-level=loud", "--log-level is 'loud'"),
        ],
    )
    def test_a_wrong_option_is_named_with_its_value_and_a_remedy(
        self, change: str, words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        folders = (f"--folder={tmp_path}", f"--logs={tmp_path}")
        assert run(["gateway-agent", *self.GOOD, *folders, change]) == 2
        assert words in capsys.readouterr().err

    def test_a_token_file_is_needed(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["gateway-agent", *self.GOOD[:3]]) == 2
        assert "--token-file is missing" in capsys.readouterr().err

    def test_a_drain_without_an_agent_fails(self, capsys: pytest.CaptureFixture[str]) -> None:
        port = free_port()
        assert run(["gateway-agent", "drain", f"--port={port}"]) == 1
        assert f"127.0.0.1:{port}" in capsys.readouterr().err
