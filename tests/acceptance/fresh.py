"""Clones this commit into an empty folder and runs make targets there, as a stranger would.

python -m tests.acceptance.fresh [--warm] TARGET...: without --warm every cache folder is new and empty.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    arguments = sys.argv[1:]
    warm = arguments[:1] == ["--warm"]
    targets = arguments[1:] if warm else arguments
    home = Path(tempfile.mkdtemp(prefix="paceline-fresh-"))
    environment = dict(os.environ)
    environment.pop("VIRTUAL_ENV", None)
    environment["XDG_STATE_HOME"] = str(home / "state")
    if not warm:
        environment |= {
            "XDG_CACHE_HOME": str(home / "cache"),
            "GOCACHE": str(home / "go-build"),
            "GOMODCACHE": str(home / "go-mod"),
            "GOFLAGS": "-modcacherw",
            "PIP_CACHE_DIR": str(home / "pip"),
        }
    seconds: dict[str, object] = {}
    try:
        subprocess.run(["git", "clone", "-q", str(ROOT), str(home / "paceline")], check=True)
        for count, target in enumerate(targets):
            started = time.monotonic()
            done = subprocess.run(["make", target], cwd=home / "paceline", env=environment, check=False)
            kind = "warm" if warm or count else "cold"
            seconds[f"make {target} {kind} (s)"] = round(time.monotonic() - started)
            if done.returncode:
                print(json.dumps(seconds | {"failed": f"make {target}"}))
                return 1
        print(json.dumps(seconds))
        return 0
    finally:
        subprocess.run(
            ["make", "clean"], cwd=home / "paceline", env=environment, check=False, stdout=subprocess.DEVNULL
        )
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
