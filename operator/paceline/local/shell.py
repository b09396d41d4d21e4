"""Running a short command and saying clearly when it fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

from paceline.local.errors import LocalError


def run(*argv: str | Path, text: str | None = None, cwd: Path | None = None) -> str:
    """Run to the end and return what it printed.

    Args:
        argv: Program and arguments; no shell reads them.
        text: Standard input.
        cwd: Working folder.

    Raises:
        LocalError: it cannot be started or returns an error; the message ends with what it said.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(words, input=text, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise LocalError(f"{words[0]} is not installed.", "Install it and try again.") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise LocalError(f"`{' '.join(words)[:200]}` failed: {said}", "")
    return done.stdout


def succeeds(*argv: str | Path) -> bool:
    """Whether a command ends without error; what it prints is dropped."""
    try:
        run(*argv)
    except LocalError:
        return False
    return True
