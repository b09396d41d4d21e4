"""Mounts under a folder: found and removed."""

from __future__ import annotations

import subprocess
from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")


def listed(tops: list[Path], table: str) -> list[str]:
    """Mount points under any of some folders, the last mounted first.

    Args:
        tops: Absolute folders.
        table: Text of /proc/self/mountinfo.
    """
    points = [line.split()[4].replace("\\040", " ") for line in table.splitlines()]
    return [point for point in reversed(points) if any(point.startswith(f"{top}/") for top in tops)]


def below(*tops: Path) -> list[str]:
    """Mount points there are under some folders now, the last mounted first."""
    return listed([top.resolve() for top in tops], _TABLE.read_text())


def remove_below(*tops: Path) -> None:
    """Unmount everything under some folders; a mount that is busy for another moment does not keep the rest."""
    for point in below(*tops):
        subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)
