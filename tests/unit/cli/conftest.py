"""A fake API server and a kubeconfig that leads to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paceline.cli.main import run
from tests.support.fake_api import FakeApi, fake_api


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    with fake_api() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        yield server


@pytest.fixture
def paceline(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line; gives its exit code, stdout and stderr."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        seen = capsys.readouterr()
        return code, seen.out, seen.err

    return invoke
