"""A process that checks: it can be ended in the middle of a check, which a thread cannot.

A schema can make a check endless (a pattern that backtracks, alternatives of alternatives). Each line of its input is a
check, each line of its output what is wrong.
"""

from __future__ import annotations

import json
import resource
import sys

from paceline.adapter.matching import problem

#: Of addresses; a process has 120 MB of them when it begins.
_MOST_MEMORY = 384 << 20


def main() -> None:
    """Check until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    for line in sys.stdin.buffer:
        schema, texts = json.loads(line)
        found = next((words for each in texts if (words := problem(schema, each))), "")
        sys.stdout.buffer.write(json.dumps(found).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
