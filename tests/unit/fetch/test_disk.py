"""Room on a disk, and lines while it fills."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from paceline.errors import Stalled
from paceline.fetch import disk
from paceline.fetch.progress import Progress, gigabytes


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A disk whose free bytes a test sets."""
    found = SimpleNamespace(f_bavail=0, f_frsize=1)
    monkeypatch.setattr(disk.os, "statvfs", lambda _: found)
    return found


def test_what_is_fetched_must_fit_with_a_margin(free: SimpleNamespace, tmp_path: Path) -> None:
    size = 10**9
    free.f_bavail = size + size // 100 + disk.MARGIN_BYTES
    disk.check_before(tmp_path, size)
    free.f_bavail -= 1
    with pytest.raises(Stalled, match=r"DiskFull.*1\.1 GB are free where 1\.1 GB are needed"):
        disk.check_before(tmp_path, size)


def test_nothing_missing_needs_no_room(free: SimpleNamespace, tmp_path: Path) -> None:
    disk.check_before(tmp_path, 0)
    assert free.f_bavail == 0


def test_others_may_use_the_margin_and_no_more(free: SimpleNamespace, tmp_path: Path) -> None:
    free.f_bavail = disk.LEAST_BYTES
    disk.check_while(tmp_path)
    free.f_bavail -= 1
    with pytest.raises(Stalled, match="DiskFull"):
        disk.check_while(tmp_path)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "DiskFull"),
        (errno.EDQUOT, "DiskFull"),
        (errno.EFBIG, "DiskFull"),
        (errno.EACCES, "FolderUnusable"),
        (errno.EROFS, "FolderUnusable"),
        (errno.EIO, "FolderUnusable"),
    ],
)
def test_errors_of_a_disk_have_their_reasons(number: int, reason: str) -> None:
    assert disk.translate(OSError(number, "words")).reason == reason


def test_lines_come_seldom_and_say_how_long_it_takes() -> None:
    lines: list[str] = []
    now = [0.0]
    progress = Progress("base", 10 * 10**9, lines.append, lambda: now[0])
    progress.skip(10**9)
    for _ in range(240):
        now[0] += 0.125
        progress.add(12_500_000)
    progress.end()
    assert lines == [
        "base: 2.5 GB of 10.0 GB, 0.1 GB/s, 75 s to go",
        "base: 4.0 GB of 10.0 GB, 0.1 GB/s, 60 s to go",
        "base: 3.0 GB fetched in 30 s, 1.0 GB were there",
    ]


def test_sizes_are_told_in_words() -> None:
    assert [gigabytes(each) for each in (0, 10**6, 10**8, 15 * 10**9)] == ["0.0 MB", "1.0 MB", "0.1 GB", "15.0 GB"]
