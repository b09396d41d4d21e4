"""Models on a volume that is mounted already."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from paceline.api.source import Report
from paceline.fetch.folder import Folder
from tests.support.modelfiles import llama_gguf, model

Run = Callable[..., Report]


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir()
    for name, body in model().items():
        (folder / name).write_bytes(body)
    return folder


def expect(report: Report, reason: str) -> str:
    assert report.failure is not None
    assert report.failure.reason == reason, report.failure
    return report.failure.message


def test_a_volume_is_resolved_and_nothing_is_copied(volume: Path, fetch: Run, tmp_path: Path) -> None:
    found = fetch(f"file://{volume}", tmp_path / "models").found["base"]
    assert found.parameters == 64_064
    assert found.commit.startswith("sha256:")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("change", ["size", "time", "name", "configuration"])
def test_every_change_of_the_volume_changes_the_commit(volume: Path, fetch: Run, change: str) -> None:
    old = fetch(f"file://{volume}").found["base"].commit
    config, weights = volume / "config.json", volume / "model.safetensors"
    before = config.stat()
    if change == "size":
        weights.write_bytes(weights.read_bytes() + b"x")
        os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "time":
        os.utime(weights, ns=(1, 1))
    elif change == "name":
        (volume / "tokenizer.json").rename(volume / "vocab.json")
    else:
        config.write_bytes(config.read_bytes().replace(b"4096", b"8192"))
        os.utime(config, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert fetch(f"file://{volume}").found["base"].commit != old
    expect(fetch(f"file://{volume}", commit=old), "SourceChanged")


def test_what_lies_beside_the_model_does_not_change_it(volume: Path, fetch: Run) -> None:
    old = fetch(f"file://{volume}")
    (volume / ".hidden").mkdir()
    (volume / "notes.md").write_text("x")
    os.mkfifo(volume / "pipe.json")
    (volume / "dangling.json").symlink_to("nowhere")
    assert fetch(f"file://{volume}") == old


def test_links_within_the_volume_are_followed_as_in_a_cache_of_the_hub(volume: Path, fetch: Run) -> None:
    snapshot = volume / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for name in model():
        (snapshot / name).symlink_to(f"../../{name}")
    assert fetch(f"file://{snapshot}").found["base"].parameters == 64_064


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_a_link_that_leaves_the_volume_is_refused(volume: Path, fetch: Run) -> None:
    secret = Path("/dev/shm") / f"secret-{os.getpid()}"
    secret.write_text("sesame")
    try:
        (volume / "chat_template.jinja").symlink_to(secret)
        message = expect(fetch(f"file://{volume}", chat_template="x"), "SourceRefused")
    finally:
        secret.unlink()
    assert "sesame" not in message


def test_a_gguf_of_a_volume_is_named_by_the_address(volume: Path, fetch: Run) -> None:
    (volume / "a.gguf").write_bytes(llama_gguf())
    assert fetch(f"file://{volume}/a.gguf").found["base"].dtype == "Q4_K"


def test_a_folder_of_ten_thousand_files_is_refused(volume: Path, fetch: Run) -> None:
    (volume / "many").mkdir()
    for number in range(10_001):
        (volume / "many" / str(number)).touch()
    assert "10000" in expect(fetch(f"file://{volume}"), "SourceInvalid")


def test_a_folder_that_is_not_there_is_not_found(volume: Path, fetch: Run) -> None:
    expect(fetch(f"file://{volume}/absent"), "SourceNotFound")


def test_a_file_in_place_of_a_folder_cannot_be_read(volume: Path, fetch: Run) -> None:
    expect(fetch(f"file://{volume}/config.json"), "SourceUnreachable")


def test_a_file_that_goes_away_under_way_is_looked_for_again(
    volume: Path, fetch: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Folder.look

    def late(self: Folder) -> object:
        found = look(self)
        (volume / "config.json").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Folder, "look", late)
    report = fetch(f"file://{volume}")
    expect(report, "SourceUnreachable")


def test_a_path_with_dots_is_refused(volume: Path, fetch: Run) -> None:
    expect(fetch(f"file://{volume}/../volume"), "SourceInvalid")
