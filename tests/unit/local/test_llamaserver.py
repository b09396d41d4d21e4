from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from paceline.local import llamaserver, packages
from paceline.local.llamaserver import content_key
from tests.support.tree import ROOT


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What is done instead of fetching and building, into a cache of its own."""
    done: list[str] = []

    def fetch(_root: Path, folder: Path) -> Path:
        done.append("fetch")
        return folder

    def build(_sources: Path, folder: Path) -> Path:
        done.append("build")
        folder.mkdir()
        (folder / "llama-server").write_text("program")
        return folder / "llama-server"

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(packages, "ensure", lambda *_, **__: done.append("packages"))
    monkeypatch.setattr(llamaserver, "_fetch", fetch)
    monkeypatch.setattr(llamaserver, "_build", build)
    return done


def test_the_key_follows_what_is_locked_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    for name in ("llama.txt", "llama-build.txt"):
        shutil.copy(ROOT / "requirements" / name, tmp_path / "requirements")
    assert content_key(tmp_path) == content_key(ROOT)
    keys = {content_key(tmp_path)}
    for name in ("llama.txt", "llama-build.txt"):
        with (tmp_path / "requirements" / name).open("a") as file:
            file.write("# another\n")
        keys.add(content_key(tmp_path))
    assert len(keys) == 3


def test_it_is_built_once_and_nothing_is_left_of_the_build(builds: list[str]) -> None:
    program = llamaserver.ensure()
    assert llamaserver.ensure() == program
    assert builds == ["packages", "fetch", "build"]
    assert [path.name for path in program.parent.iterdir()] == ["llama-server"]


def test_the_image_is_the_program_where_the_official_one_has_it(builds: list[str]) -> None:
    with tarfile.open(llamaserver.image()) as image:
        index = json.load(image.extractfile("index.json") or pytest.fail("no index"))
        names = index["manifests"][0]["annotations"]
        blobs = [member for member in image.getmembers() if member.name.startswith("blobs/")]
        layer = max(blobs, key=lambda each: each.size)
        with tarfile.open(fileobj=image.extractfile(layer)) as files:
            found = {member.name: member.mode for member in files.getmembers()}
    assert names["io.containerd.image.name"] == llamaserver.REFERENCE
    assert found == {"app/llama-server": 0o755}
    assert builds.count("build") == 1
    llamaserver.image()
    assert builds.count("build") == 1
