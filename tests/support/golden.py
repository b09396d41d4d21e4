"""Golden files: what the code puts out, checked in, compared byte for byte.

`GOLDEN=write pytest …` (that is `make golden`) writes the files instead of comparing them.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "golden"


def writing() -> bool:
    """True when golden files are to be rewritten."""
    return os.environ.get("GOLDEN") == "write"


def golden(name: str, text: str) -> None:
    """Compare `text` with tests/golden/<name>, or write it there.

    Raises:
        AssertionError: the file is missing or differs; the message holds the difference.
    """
    path = ROOT / name
    if writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return
    assert path.exists(), f"{path} is missing: run `make golden` and review what it writes"
    want = path.read_text()
    if want != text:
        lines = difflib.unified_diff(
            want.splitlines(), text.splitlines(), fromfile=f"golden/{name}", tofile="now", lineterm=""
        )
        raise AssertionError("\n".join(["differs from its golden file (`make golden` rewrites it)", *lines]))


def check_no_strays(folder: str, names: set[str]) -> None:
    """Fail (or prune, when writing) files in tests/golden/<folder> that no case produces any more."""
    base = ROOT / folder
    strays = {str(p.relative_to(base)) for p in base.rglob("*") if p.is_file()} - names
    if writing():
        for stray in strays:
            (base / stray).unlink()
        return
    assert not strays, f"golden files without a case in {folder}: {sorted(strays)}"
