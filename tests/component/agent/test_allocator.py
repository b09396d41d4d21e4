"""What was needed for a large configuration is given back, though small objects were made meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.tree import ROOT

PROGRAM = """
import sys
from paceline.agent.allocator import give_back
if sys.argv[1] == "with":
    give_back()
large = b"x" * (16 << 20)
del large
kept, gone = [], []
for number in range(60):
    gone.append(b"x" * (500_000 + number))
    kept.append(b"x" * (1000 + number))
del gone
print(int(open("/proc/self/statm").read().split()[1]) * 4096)
"""


def resident(how: str) -> int:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator")}
    command = [sys.executable, "-c", PROGRAM, how]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def test_large_objects_leave_nothing_behind() -> None:
    assert resident("with") < resident("without") - 10_000_000
