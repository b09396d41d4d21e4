"""checkov, in an environment of its own: it pins older versions of libraries that paceline uses too."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements" / "scan.txt"


@dataclass(frozen=True, order=True)
class Failure:
    """A failed check: its id, the object, and what checkov says about it."""

    check: str
    resource: str
    text: str


@cache
def checkov() -> Path:
    """The interpreter of checkov's environment; made on first use, kept by the content of its requirements."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache_home / "paceline" / "scan" / hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    python, complete = folder / "bin" / "python", folder / ".complete"
    if not complete.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, timeout=120)
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes"]
        subprocess.run([*install, "-r", REQUIREMENTS], check=True, timeout=900)
        complete.touch()
    return python


def failures(folder: Path) -> tuple[int, list[Failure]]:
    """Scan the YAML files of a folder; number of passed checks, and what failed."""
    command = [checkov(), "-m", "checkov.main", "-d", folder, "--framework", "kubernetes", "secrets"]
    # An unresolvable proxy: a scan that would ask the network fails at once instead of depending on it.
    environment = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [*command, "--skip-download", "--compact", "--quiet", "--soft-fail", "-o", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    parsed = json.loads(done.stdout)
    reports = parsed if isinstance(parsed, list) else [parsed]
    # A framework that found no file of its own reports bare numbers.
    passed = sum(report.get("summary", report)["passed"] for report in reports)
    failed = [each for report in reports for each in report.get("results", {}).get("failed_checks", [])]
    return passed, sorted(Failure(each["check_id"], each["resource"], each["check_name"]) for each in failed)


@dataclass(frozen=True)
class Reason:
    """Why failures of a check are meant, for the objects whose `kind.namespace.name` fits a shell pattern."""

    check: str
    objects: str
    reason: str

    def covers(self, failure: Failure) -> bool:
        """True where this is the reason for that failure."""
        return self.check == failure.check and fnmatchcase(failure.resource, self.objects)


def reasons(file: Path) -> dict[str, list[Reason]]:
    """The reasons of a file, by section."""
    return {
        section: [Reason(**each) for each in entries] for section, entries in yaml.safe_load(file.read_text()).items()
    }
