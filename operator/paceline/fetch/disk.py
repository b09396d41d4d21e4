"""Room for what is fetched: looked at before, and again while it fills, for others write to the same disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from paceline.errors import PacelineError, Stalled
from paceline.fetch.progress import gigabytes
from paceline.fetch.reasons import DISK_FULL, FOLDER_UNUSABLE

#: Left free before: 1 % of what is fetched and this much. A full disk stops more than this pod.
MARGIN_BYTES = 128 * 1024 * 1024
#: Left free while fetching: what other pods write meanwhile comes out of the margin.
LEAST_BYTES = MARGIN_BYTES // 4


def free(folder: Path) -> int:
    """Bytes that an ordinary user may still write."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def check_before(folder: Path, missing: int) -> None:
    """Make sure that everything will fit.

    Raises:
        Stalled: reason DiskFull.
    """
    needed = missing + missing // 100 + MARGIN_BYTES
    there = free(folder)
    if missing and there < needed:
        raise Stalled(
            DISK_FULL,
            f"{gigabytes(there)} are free where {gigabytes(needed)} are needed ({gigabytes(missing)} of files and a "
            "margin). Use a larger volume or node disk, or a smaller model.",
        )


def check_while(folder: Path) -> None:
    """Make sure that others left something.

    Raises:
        Stalled: reason DiskFull.
    """
    if free(folder) < LEAST_BYTES:
        raise full()


def full() -> Stalled:
    """The disk is full although it was not before."""
    return Stalled(
        DISK_FULL,
        "the disk filled up while files were fetched. Use a larger volume or node disk, or free some of it; what was "
        "fetched is kept where its folder is.",
    )


def translate(error: OSError) -> PacelineError:
    """What went wrong with a folder of ours."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return full()
    return Stalled(
        FOLDER_UNUSABLE,
        f"the folder for models cannot be used ({error.strerror or type(error).__name__}). Correct the volume, its "
        "owner (fsGroup) or its mode.",
    )
