"""Bugs of ours, planted in a copy of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "operator" / "paceline"


@dataclass(frozen=True)
class Bug:
    """One bug.

    Attributes:
        name: What goes wrong.
        file: Below operator/paceline.
        old: Stands exactly once in the file.
        new: What it is replaced with.
        test: The one target that must fail.
    """

    name: str
    file: str
    old: str
    new: str
    test: str

    def planted(self, text: str) -> str:
        """The file with the bug."""
        return text.replace(self.old, self.new)


BUGS = [Bug(**entry) for entry in yaml.safe_load((ROOT / "tests" / "mutations" / "bugs.yaml").read_text())]


def plant(bug: Bug, folder: Path) -> Path:
    """A copy of the source root with the bug in it."""
    source = folder / "operator"
    shutil.copytree(PACKAGE, source / "paceline", ignore=shutil.ignore_patterns("__pycache__"))
    file = source / "paceline" / bug.file
    file.write_text(bug.planted(file.read_text()))
    return source


def outcome(test: str, source: Path) -> subprocess.CompletedProcess[str]:
    """Run one test target against the package below `source`."""
    command = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("COV", "PYTEST"))}
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**env, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
