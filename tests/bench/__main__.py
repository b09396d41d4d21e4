"""Runs benchmarks: python -m tests.bench [NAME]; each prints one JSON object as its last line.

The short form is the default; PACELINE_TEST_SIZE=full asks for the sizes of docs/operations/sizing.md.
Figures are only comparable within one run: machines are shared and noisy, so each bench holds a ratio
or states what else the machine did.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    names = sys.argv[1:] or sorted(p.stem for p in HERE.glob("*.py") if p.stem != "__main__")
    failed = 0
    for name in names:
        if not (HERE / f"{name}.py").exists():
            known = ", ".join(sorted(p.stem for p in HERE.glob("*.py") if p.stem != "__main__"))
            print(f"there is no benchmark {name}; there are: {known}", file=sys.stderr)
            return 2
        print(f"# {name}", file=sys.stderr, flush=True)
        failed += (
            subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=False, cwd=HERE.parents[1]).returncode
            != 0
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
