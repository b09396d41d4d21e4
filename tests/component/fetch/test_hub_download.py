"""Files of a repository come whole and right, or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from paceline.api.source import Report, Source, folder_of
from paceline.fetch import disk, download
from paceline.fetch.deliver import MARKER
from paceline.fetch.order import Order
from paceline.fetch.patience import Stop
from paceline.fetch.run import Fetch
from tests.support.fetching import PACE, UNIT
from tests.support.hub import Hub
from tests.support.modelfiles import llama_gguf, model, safetensors, sharded
from tests.support.waiting import wait_until
from tests.support.webserver import Asked, Reply, times

Run = Callable[..., Report]
URI = "hf://org/model"
NEEDED = {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"}


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def expect(report: Report, reason: str) -> str:
    assert report.failure is not None
    assert report.failure.reason == reason
    return report.failure.message


def test_what_an_engine_needs_is_brought_and_nothing_else(there: Hub, fetch: Run, tmp_path: Path) -> None:
    files = {**model(), "pytorch_model.bin": b"pickle", "modeling_x.py": b"code", "onnx/model.onnx": b"other"}
    there.repository().commit(files)
    assert fetch(URI, into=tmp_path).failure is None
    assert files_in(tmp_path / "base") == NEEDED | {MARKER}
    assert all((tmp_path / "base" / name).read_bytes() == files[name] for name in NEEDED)
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_an_empty_file_is_a_file(there: Hub, fetch: Run, tmp_path: Path) -> None:
    there.repository().commit({**model(), "merges.txt": b""})
    assert fetch(URI, into=tmp_path).failure is None
    assert (tmp_path / "base" / "merges.txt").read_bytes() == b""


def test_parts_of_sentence_transformers_come_too(there: Hub, fetch: Run, tmp_path: Path) -> None:
    files = {**model(), "modules.json": b"[]", "1_Pooling/config.json": b"{}"}
    files["2_Dense/model.safetensors"] = safetensors({"dense": ("F32", (4, 4))})
    there.repository().commit(files)
    assert fetch(URI, into=tmp_path).failure is None
    assert {"modules.json", "1_Pooling/config.json", "2_Dense/model.safetensors"} <= files_in(tmp_path / "base")


def test_of_gguf_the_one_file_is_brought(there: Hub, fetch: Run, tmp_path: Path) -> None:
    there.repository().commit({"a.gguf": llama_gguf(), "b.gguf": llama_gguf(), "config.json": b"{}"})
    assert fetch(URI, into=tmp_path, file="a.gguf").failure is None
    assert files_in(tmp_path / "base") == {"a.gguf", MARKER}


def test_all_parts_of_a_split_gguf_are_brought(there: Hub, fetch: Run, tmp_path: Path) -> None:
    parts = {f"q4/a-{number:05d}-of-00003.gguf": llama_gguf() for number in (1, 2, 3)}
    there.repository().commit({**parts, "q8/a.gguf": llama_gguf()})
    assert fetch(URI, into=tmp_path, file="q4/a-00001-of-00003.gguf").failure is None
    assert files_in(tmp_path / "base") == {*parts, MARKER}


def test_a_second_fetch_of_the_same_commit_asks_nobody(there: Hub, fetch: Run, tmp_path: Path) -> None:
    commit = there.repository().commit(model())
    first = fetch(URI, into=tmp_path, commit=commit)
    asked = len(there.api.asked)
    assert fetch(URI, into=tmp_path, commit=commit) == first
    assert len(there.api.asked) == asked


def test_a_second_fetch_of_a_branch_only_looks_it_up(there: Hub, fetch: Run, tmp_path: Path) -> None:
    there.repository().commit(model())
    first = fetch(URI, into=tmp_path)
    there.store.asked.clear()
    assert fetch(URI, into=tmp_path) == first
    assert len(there.store.asked) <= 1, "the header at most"


def test_another_commit_is_not_put_where_an_engine_may_read(there: Hub, fetch: Run, tmp_path: Path) -> None:
    there.repository().commit(model(rows=10))
    assert fetch(URI, into=tmp_path).failure is None
    there.repository().commit(model(rows=20))
    expect(fetch(URI, into=tmp_path), "FolderTaken")
    assert (tmp_path / "base" / "model.safetensors").read_bytes() == model(rows=10)["model.safetensors"]


def test_on_a_shared_volume_each_commit_has_a_folder_that_a_pod_finds(there: Hub, fetch: Run, tmp_path: Path) -> None:
    for rows in (10, 20):
        commit = there.repository().commit(model(rows=rows))
        assert fetch(URI, into=tmp_path, shared=True).failure is None, "the Job does not know the commit"
        folder = tmp_path / folder_of(Source(name="base", uri=URI), commit)
        assert (folder / "model.safetensors").read_bytes() == model(rows=rows)["model.safetensors"]
        asked = len(there.api.asked)
        assert fetch(URI, into=tmp_path, shared=True, commit=commit).failure is None, "the pod does"
        assert len(there.api.asked) == asked, "and asks nobody"
    assert len([each for each in tmp_path.iterdir() if each.is_dir()]) == 2


@pytest.mark.parametrize("marker", [None, "{}", "no json"])
def test_files_of_somebody_else_are_left_alone(there: Hub, fetch: Run, tmp_path: Path, marker: str | None) -> None:
    commit = there.repository().commit(model())
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "precious").write_text("x")
    if marker:
        (tmp_path / "base" / MARKER).write_text(marker)
    expect(fetch(URI, into=tmp_path, commit=commit), "FolderTaken")
    assert (tmp_path / "base" / "precious").read_text() == "x"


def test_a_folder_that_lost_a_file_does_not_pass_for_whole(there: Hub, fetch: Run, tmp_path: Path) -> None:
    commit = there.repository().commit(model())
    assert fetch(URI, into=tmp_path, commit=commit).failure is None
    os.truncate(tmp_path / "base" / "model.safetensors", 10)
    assert "model.safetensors" in expect(fetch(URI, into=tmp_path, commit=commit), "FolderTaken")


def test_a_connection_that_breaks_often_is_resumed_where_it_broke(there: Hub, fetch: Run, tmp_path: Path) -> None:
    files = model(rows=100_000)
    there.repository().commit(files)
    there.store.rules.append(cutting(2_000_000))
    assert fetch(URI, into=tmp_path).failure is None
    assert (tmp_path / "base" / "model.safetensors").read_bytes() == files["model.safetensors"]
    starts = [each.headers.get("range") for each in there.store.asked][1:]
    assert starts == [None, *(f"bytes={2_000_000 * number}-" for number in range(1, 7))]


def cutting(count: int) -> Callable[[Asked, Reply], Reply]:
    """A rule that ends every answer after so many bytes."""
    return lambda _, reply: Reply(reply.status, reply.body, reply.headers, reply.ranges, cut=count)


def cutting_weights(count: int) -> Callable[[Asked, Reply], Reply]:
    """The same, except of headers."""
    cut = cutting(count)
    return lambda asked, reply: reply if asked.headers.get("range") == "bytes=0-131071" else cut(asked, reply)


def test_a_source_that_hardly_gets_on_is_given_up(there: Hub, fetch: Run, tmp_path: Path) -> None:
    there.repository().commit(model(rows=50_000))
    there.store.rules.append(cutting_weights(1000))
    report = fetch(URI, into=tmp_path)
    expect(report, "SourceUnreachable")
    assert report.failure
    assert report.failure.retry
    assert not (tmp_path / "base").exists()


def test_a_fetch_that_was_given_up_is_resumed_by_the_next(there: Hub, fetch: Run, tmp_path: Path) -> None:
    files = model(rows=50_000)
    there.repository().commit(files)
    there.store.rules.append(cutting_weights(1000))
    expect(fetch(URI, into=tmp_path), "SourceUnreachable")
    there.store.rules.clear()
    there.store.asked.clear()
    assert fetch(URI, into=tmp_path).failure is None
    assert there.store.asked[-1].headers["range"] == "bytes=6000-"
    assert (tmp_path / "base" / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_a_server_without_ranges_is_read_again_from_the_start(there: Hub, fetch: Run, tmp_path: Path) -> None:
    files = model(rows=50_000)
    there.repository().commit(files)
    there.store.rules.append(lambda _, reply: Reply(reply.status, reply.body, ranges=False))
    cut = times(2, "/blobs", ranges=False, cut=3_000_000)
    there.store.rules.append(cut)
    assert fetch(URI, into=tmp_path).failure is None
    assert (tmp_path / "base" / "model.safetensors").read_bytes() == files["model.safetensors"]


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_other_bytes_than_the_digest_are_never_put_in_place(there: Hub, fetch: Run, tmp_path: Path, name: str) -> None:
    files = model()
    there.repository().commit(files)
    # Still JSON, and still with a good header.
    wrong = files[name].replace(b": ", b" :", 1) if name.endswith(".json") else files[name][:-1] + b"!"
    there.api.rules.append(swapping(files[name], wrong))
    there.store.rules.append(swapping(files[name], wrong))
    message = expect(fetch(URI, into=tmp_path), "DigestMismatch")
    assert name in message
    assert not (tmp_path / "base").exists()


def swapping(right: bytes, wrong: bytes) -> Callable[[Asked, Reply], Reply]:
    """A rule that sends other bytes of the same length."""
    assert len(right) == len(wrong)
    return lambda _, reply: Reply(
        reply.status, wrong if reply.body == right else reply.body, reply.headers, reply.ranges
    )


def test_a_damaged_rest_of_an_earlier_fetch_is_fetched_anew(there: Hub, fetch: Run, tmp_path: Path) -> None:
    files = model(rows=50_000)
    there.repository().commit(files)
    there.store.rules.append(cutting_weights(100_000))
    expect(fetch(URI, into=tmp_path), "SourceUnreachable")
    there.store.rules.clear()
    (part,) = tmp_path.rglob("model.safetensors.part")
    with part.open("r+b") as file:
        file.write(b"damaged by a crash")
    assert fetch(URI, into=tmp_path).failure is None
    assert (tmp_path / "base" / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_a_longer_file_than_was_announced_is_refused(there: Hub, fetch: Run, tmp_path: Path) -> None:
    files = model()
    there.repository().commit(files)
    assert fetch(URI).failure is None
    there.store.rules.append(lambda _, reply: Reply(reply.status, reply.body + b"more", ranges=False))
    expect(fetch(URI, into=tmp_path), "SourceChanged")
    assert not (tmp_path / "base").exists()


def test_a_commit_that_is_gone_is_not_replaced_by_another(there: Hub, fetch: Run, tmp_path: Path) -> None:
    repository = there.repository()
    old = repository.commit(model(rows=10))
    repository.commit(model(rows=20))
    del repository.commits[old]
    expect(fetch(URI, into=tmp_path, commit=old), "SourceChanged")


NAMES = ["../evil", "/etc/evil", "a\\evil", "evil\n", "evil\0", "a/../../evil", "./evil"]


@pytest.mark.parametrize("name", NAMES)
def test_names_in_an_index_that_lead_out_of_the_folder_are_refused(
    there: Hub, fetch: Run, tmp_path: Path, name: str
) -> None:
    index = json.dumps({"weight_map": {"a": f"{name}.safetensors"}}).encode()
    there.repository().commit({**model(), "model.safetensors.index.json": index})
    expect(fetch(URI, into=tmp_path / "deep" / "models"), "SourceRefused")
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("name", NAMES)
def test_names_of_a_listing_that_lead_out_of_the_folder_make_no_files(
    there: Hub, fetch: Run, tmp_path: Path, name: str
) -> None:
    there.repository().commit({**model(), f"{name}.json": b"{}"})
    report = fetch(URI, into=tmp_path / "deep" / "models")
    assert report.failure is None or report.failure.reason == "SourceRefused"
    assert not list(tmp_path.rglob("*evil*"))
    assert not Path("/etc/evil.json").exists()


def test_a_link_that_was_planted_is_not_written_through(there: Hub, fetch: Run, tmp_path: Path) -> None:
    there.repository().commit(model(rows=50_000))
    there.store.rules.append(cutting_weights(1000))
    expect(fetch(URI, into=tmp_path / "models"), "SourceUnreachable")
    there.store.rules.clear()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (part,) = (tmp_path / "models").rglob("model.safetensors.part")
    part.unlink()
    part.symlink_to(victim)
    expect(fetch(URI, into=tmp_path / "models"), "FolderUnusable")
    assert victim.read_text() == "precious"


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(
    there: Hub, fetch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.repository().commit(model(rows=100_000))
    monkeypatch.setattr(disk.os, "statvfs", lambda _: SimpleNamespace(f_bavail=100, f_frsize=4096))
    there.store.asked.clear()
    message = expect(fetch(URI, into=tmp_path), "DiskFull")
    assert "0.4 MB are free" in message
    assert len(there.store.asked) == 1, "the header and no weights"


def test_a_disk_that_fills_meanwhile_ends_the_fetch(
    there: Hub, fetch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.repository().commit(model(rows=100_000))
    monkeypatch.setattr(download, "_DISK_EVERY_BYTES", 1024)
    monkeypatch.setattr(disk, "check_before", lambda *_: None)
    monkeypatch.setattr(disk.os, "statvfs", lambda _: SimpleNamespace(f_bavail=100, f_frsize=4096))
    expect(fetch(URI, into=tmp_path), "DiskFull")
    assert not (tmp_path / "base").exists()


def test_a_write_that_finds_the_disk_full_is_told_so(
    there: Hub, fetch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.repository().commit(model())

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.os, "fsync", full)
    expect(fetch(URI, into=tmp_path), "DiskFull")


def test_a_folder_that_is_a_file_cannot_be_used(there: Hub, fetch: Run, tmp_path: Path) -> None:
    there.repository().commit(model())
    (tmp_path / "models").write_text("a file")
    expect(fetch(URI, into=tmp_path / "models"), "FolderUnusable")


def test_two_fetches_at_once_bring_each_byte_once(there: Hub, fetch: Run, tmp_path: Path) -> None:
    there.repository().commit(sharded(shards=4, rows=2000))
    reports: list[Report] = []
    threads = [threading.Thread(target=lambda: reports.append(fetch(URI, into=tmp_path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.failure for report in reports] == [None, None, None]
    whole = [each for each in there.store.asked if "range" not in each.headers]
    assert len(whole) == 4, "one request for each shard, whoever made it"
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_a_lock_whose_holder_went_silent_is_taken_over(there: Hub, fetch: Run, tmp_path: Path) -> None:
    commit = there.repository().commit(model())
    key = hashlib.sha256("\0".join((URI, "", commit)).encode()).hexdigest()[:16]
    left = tmp_path / f".base-{key}.lock"
    left.touch()
    began = time.monotonic()
    assert fetch(URI, into=tmp_path, commit=commit).failure is None
    assert time.monotonic() - began >= PACE.silent
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def hang_once(there: Hub) -> list[bool]:
    """Let the first whole answer of the store hang in the middle; the list is empty once it does."""
    pauses = [True]

    def slow(asked: Asked, reply: Reply) -> Reply:
        if "range" not in asked.headers and pauses:
            pauses.clear()
            return Reply(reply.status, reply.body, reply.headers, reply.ranges, pause=1000)
        return reply

    there.store.rules.append(slow)
    return pauses


def test_a_holder_that_only_seemed_dead_does_no_harm(there: Hub, fetch: Run, tmp_path: Path) -> None:
    files = model(rows=20_000)
    commit = there.repository().commit(files)
    pauses = hang_once(there)
    order = Order([Source(name="base", uri=URI, commit=commit)], tmp_path)
    silent = replace(PACE, sign=1000)
    reports: list[Report] = []
    first = Fetch(order, tell=lambda _: None, unit=UNIT, pace=silent)
    thread = threading.Thread(target=lambda: reports.append(first.run()))
    thread.start()
    wait_until(lambda: not pauses, 20, "the first fetch hangs", 0.01)
    assert fetch(URI, into=tmp_path, commit=commit).failure is None
    there.store.ended.set()
    thread.join()
    assert reports[0].failure is None
    assert [path.name for path in tmp_path.iterdir()] == ["base"]
    assert files_in(tmp_path / "base") == NEEDED | {MARKER}
    assert all((tmp_path / "base" / name).read_bytes() == files[name] for name in NEEDED)


def test_a_holder_that_lives_is_waited_for(there: Hub, fetch: Run, tmp_path: Path) -> None:
    commit = there.repository().commit(model(rows=20_000))
    pauses = hang_once(there)
    stop = Stop()
    order = Order([Source(name="base", uri=URI, commit=commit)], tmp_path)
    first = threading.Thread(target=Fetch(order, stop=stop, tell=lambda _: None, unit=UNIT, pace=PACE).run)
    first.start()
    wait_until(lambda: list(tmp_path.glob(".*.lock")), 10, "the first fetch holds the lock", 0.01)
    wait_until(lambda: not pauses, 10, "the first fetch hangs", 0.01)
    reports: list[Report] = []
    second = threading.Thread(target=lambda: reports.append(fetch(URI, into=tmp_path, commit=commit)))
    second.start()
    # Longer than a silent lock would be waited for: signs of life keep it.
    second.join(PACE.silent * 2)
    assert second.is_alive()
    there.store.ended.set()
    first.join()
    second.join()
    assert reports[0].failure is None
    assert (tmp_path / "base" / MARKER).is_file()
