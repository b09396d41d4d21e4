"""The gateway beside LiteLLM's proxy: CPU per request and per event, and what they add to a stream's first byte.

    python -m tests.bench.gateway_litellm [--seconds 10] [--rounds 2]

prints one JSON object. Both stand before the same server on the same machine in the same run, rounds alternate. LiteLLM
has one worker, and its master key alone lets callers in: its keys, budgets and limits need a database client that is no
package of Python. Ours runs with everything on: keys, policies, limits, deny list, usage, records. The time to the
first byte is measured with 100 streams at a time, less that of the server asked directly.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.gateway import DOCUMENTS, EVENT_SECONDS, Target, bare, ours
from tests.support import litellm, wire

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
#: How many times as much of ours a CPU second must do, and the most of LiteLLM's added time that ours may add.
REQUESTS, EVENTS, ADDED = 30, 12, 0.2
STREAMS = 100
CONNECTIONS = 4


def p99(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[-(len(ordered) // 100) - 1]


def compared(targets: dict[str, Target], port: int, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """CPU of each request and event (us) and the 99th percentile of the time to the first byte (ms), of each proxy."""
    used: dict[str, list[float]] = {}
    counted: dict[str, list[int]] = {}
    delays: dict[str, list[float]] = {"direct": []}
    for number in range(rounds + 1):
        length = seconds if number else seconds / 4
        for name, target in targets.items():
            for case, connections in (("1.2 KB JSON", CONNECTIONS), ("SSE event", STREAMS)):
                sent, before = wire.request(DOCUMENTS[case], target.key), target.cpu
                seen = asyncio.run(wire.asked(target.port, sent, length, connections))
                assert seen.wrong == 0, f"{name}, {case}: {seen.wrong} of {seen.requests} were refused"
                if number:
                    used.setdefault(f"{name}, {case}", []).append(target.cpu - before)
                    counted.setdefault(f"{name}, {case}", []).append(seen.events or seen.requests)
                    if case == "SSE event":
                        delays.setdefault(name, []).extend(seen.delays)
        sent = wire.request(DOCUMENTS["SSE event"], "none")
        delays["direct"] += asyncio.run(wire.asked(port, sent, length, STREAMS)).delays
    cost = {name: 1e6 * sum(values) / sum(counted[name]) for name, values in used.items()}
    return {"cost": cost, "delay": {name: 1000 * p99(values) for name, values in delays.items()}}


def figures(found: dict[str, dict[str, float]]) -> tuple[dict[str, Any], list[str]]:
    cost, delay = found["cost"], found["delay"]
    requests = cost["LiteLLM, 1.2 KB JSON"] / cost["ours, 1.2 KB JSON"]
    events = cost["LiteLLM, SSE event"] / cost["ours, SSE event"]
    added = {name: delay[name] - delay["direct"] for name in ("ours", "LiteLLM")}
    share = added["ours"] / added["LiteLLM"]
    shown: dict[str, Any] = {f"{name} (us of CPU)": round(value, 1) for name, value in cost.items()}
    shown |= {f"first byte at {STREAMS} streams, {name} (ms, p99)": round(value, 1) for name, value in delay.items()}
    shown |= {
        f"requests per CPU second, ours to LiteLLM (at least {REQUESTS})": round(requests, 1),
        f"events per CPU second, ours to LiteLLM (at least {EVENTS})": round(events, 1),
        f"added p99 at {STREAMS} streams, ours to LiteLLM (at most {ADDED})": round(share, 3),
    }
    checks = {"requests": requests >= REQUESTS, "events": events >= EVENTS, "added": share <= ADDED}
    return shown, [name for name, kept in checks.items() if not kept]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0 if FULL else 5.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=3 if FULL else 1)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="paceline-bench-") as name,
        wire.upstream(EVENT_SECONDS) as port,
        ExitStack() as stack,
    ):
        folder = Path(name)
        listening, pid = stack.enter_context(litellm.serving(folder, "model-7", port))
        targets = {
            "bare": stack.enter_context(bare(folder, port)),
            "ours": stack.enter_context(ours(folder / "ours", port, 10)),
            "LiteLLM": Target(listening, pid, litellm.MASTER_KEY),
        }
        shown, missed = figures(compared(targets, port, options.rounds, options.seconds))
    print(json.dumps(shown | {"missed": missed, "load average": os.getloadavg()[0]}))
    return 1 if FULL and missed else 0


if __name__ == "__main__":
    sys.exit(main())
