#!/usr/bin/env python3
"""Writes what the charts and docs/reference/values.md take from elsewhere (`make charts`).

With --check it writes nothing, names the files that are out of date and ends with 1 if there are any; a test does so.
"""

from __future__ import annotations

import sys
from pathlib import Path

from paceline.cli.access import KEYS, NAMESPACES, rules_yaml

CHARTS = Path(__file__).resolve().parent
ROOT = CHARTS.parent
sys.path.insert(0, str(CHARTS))

from values_reference import render  # noqa: E402 - a neighbour, which needs the line above when this file is imported

CRDS = CHARTS / "paceline-crds" / "files" / "crds"
RULES_HEAD = "# Made by `make charts` from operator/paceline/cli/access.py.\n"


def generated() -> dict[Path, str]:
    """Every generated file and its text."""
    files = {CRDS / path.name: path.read_text() for path in sorted((ROOT / "crds").glob("*.yaml"))}
    files[CHARTS / "paceline" / "files" / "rules.yaml"] = RULES_HEAD + rules_yaml()
    files[CHARTS / "paceline" / "files" / "keys.yaml"] = RULES_HEAD + rules_yaml(KEYS)
    files[CHARTS / "paceline" / "files" / "namespaces.yaml"] = RULES_HEAD + rules_yaml(NAMESPACES)
    files[ROOT / "docs" / "reference" / "values.md"] = render(CHARTS / "paceline" / "values.yaml")
    return files


def stale(files: dict[Path, str]) -> list[Path]:
    """Files that are missing, differ, or whose source is gone."""
    differing = [path for path, text in files.items() if not path.is_file() or path.read_text() != text]
    return differing + [path for path in sorted(CRDS.glob("*.yaml")) if path not in files]


def main() -> int:
    """Write, or with --check only compare."""
    files = generated()
    for path in (out := stale(files)):
        print(path.relative_to(ROOT))
        if "--check" in sys.argv:
            continue
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path])
        else:
            path.unlink()
    return 1 if out and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
