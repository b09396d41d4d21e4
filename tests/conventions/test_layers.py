"""The import layers of pyproject.toml hold, and cover every package."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.support.tree import ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
#: Parts of the package that are no layer of their own.
LEAVES = {"__init__"}


def test_imports_point_downward_only() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator"), "NO_COLOR": "1"}
    done = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_every_module_of_the_package_has_a_layer() -> None:
    rows = next(contract["layers"] for contract in CONTRACTS if contract["type"] == "layers")
    layered = {part.strip().removeprefix("paceline.") for row in rows for part in row.replace("|", ":").split(":")}
    package = ROOT / "operator" / "paceline"
    there = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert there - LEAVES == layered
