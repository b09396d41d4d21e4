"""What does the gateway's whole policy chain cost in CPU, beside a bare Envoy in the same run?

    python -m tests.bench.gateway [--seconds 4] [--rounds 3]

prints one JSON object. Both proxies run side by side with one thread each, before one server; rounds alternate between
them, and the CPU of each proxy's process is divided by what was asked of it. Ours has keys, policies, a route for each
model, Lua, prompt and usage handling, limits, deny list and both logs on; the bare one has a listener, a router and a
cluster. Medians of rounds; a ratio is of medians. Other load on the machine counts in none of these figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from paceline.gateway.ir import Endpoint, Gateway, Key, Pods
from paceline.local import envoy as program
from tests.support import wire
from tests.support.envoy import ARGUMENTS, LOOPBACK, Proxy, running
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from tests.support.written import Written, consumer, written

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
CONNECTIONS, STREAMS, EVENTS = 8, 100, 20
#: Between two events of a stream.
EVENT_SECONDS = 0.1
#: Requests a second; those without one come back to back, so that Envoy takes many up at a time.
RATES = {"1.2 KB JSON": 200.0, "400 KB, one message": 40, "400 KB, 950 messages": 40, "400 KB of code": 40}
#: The most that a figure of ours may be of a bare Envoy's; 0: shown only.
BOUNDS = {
    "1.2 KB JSON": 2.0,
    "1.2 KB JSON, back to back": 0.0,
    "SSE event": 1.5,
    "400 KB, one message": 3.5,
    "400 KB, 950 messages": 5.0,
    "400 KB of code": 5.0,
}
#: The same of a large gateway's and a small one's.
GROWTH = 1.2
MODELS, POLICIES = (5000, 20) if FULL else (500, 20)
KEYS = 10_000
MOST_ENVOY_MIB = 120
CODE = 'def f(x):\n\treturn {"a": "\\\\n", \'b\': x["c"]}  # "quoted" \\ \n'


@dataclass
class Target:
    """A proxy, and how to ask it."""

    port: int
    pid: int
    key: str

    @property
    def cpu(self) -> float:
        """Seconds that the process has used."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


def bare_bootstrap(listening: int, admin: int, port: int) -> dict[str, Any]:
    """A proxy and nothing else."""
    kind = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "up", "timeout": "600s"}}
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bare",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [router],
    }
    address = {"socket_address": {"address": LOOPBACK, "port_value": listening}}
    place = {"address": {"socket_address": {"address": LOOPBACK, "port_value": port}}}
    endpoints = {"cluster_name": "up", "endpoints": [{"lb_endpoints": [{"endpoint": place}]}]}
    return {
        "admin": {"address": {"socket_address": {"address": LOOPBACK, "port_value": admin}}},
        "static_resources": {
            "listeners": [
                {
                    "name": "l",
                    "address": address,
                    "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}],
                }
            ],
            "clusters": [{"name": "up", "type": "STATIC", "connect_timeout": "5s", "load_assignment": endpoints}],
        },
    }


@contextmanager
def bare(folder: Path, port: int) -> Iterator[Target]:
    listening, admin = free_port(), free_port()
    path = folder / "bare.json"
    path.write_text(json.dumps(bare_bootstrap(listening, admin, port)))
    with (folder / "bare.log").open("wb") as log:
        process = subprocess.Popen([program.ensure(), "-c", path, *ARGUMENTS], stdout=log, stderr=log)
    try:
        wait_until(Proxy(admin, process, folder / "bare.log").serving, 20, "the bare Envoy serves", every=0.02)
        yield Target(listening, process.pid, "none")
    finally:
        process.kill()
        process.wait()


def made(folder: Path, port: int, models: int, policies: int) -> Written:
    """A gateway with so many models and policies; consumers may ask all but one model each, by patterns."""
    folder.mkdir()
    served_at = {f"model-{number}": Endpoint(LOOPBACK, port) for number in range(models)}
    calling = [consumer(f"c{number}", ["model-*", f"model-{number}"]) for number in range(policies)]
    return written(folder, served_at, calling, found=True)


def quiet(gateway: Gateway) -> Gateway:
    """Without health checks, which cost something for each model and nothing for each request."""
    clusters = tuple(
        replace(each, servers=replace(each.servers, health_path="")) if isinstance(each.servers, Pods) else each
        for each in gateway.clusters
    )
    return replace(gateway, clusters=clusters)


@contextmanager
def ours(folder: Path, port: int, models: int, policies: int = 20) -> Iterator[Target]:
    found = made(folder, port, models, policies)
    gateway = quiet(found.gateway)
    with running(gateway, found.secrets, folder) as proxy:
        yield Target(gateway.listener.port, proxy.proxy.process.pid, found.keys["c3"])


def document(content: str | list[str], **more: Any) -> dict[str, Any]:
    texts = [content] if isinstance(content, str) else content
    return {"model": "model-7", "messages": [{"role": "user", "content": each} for each in texts]} | more


DOCUMENTS = {
    "1.2 KB JSON, back to back": document("word " * 215, max_tokens=200),
    "1.2 KB JSON": document("word " * 215, max_tokens=200),
    "SSE event": {"model": "model-7", "stream": True, "max_tokens": EVENTS} | document("word " * 20),
    "400 KB, one message": document("word " * 80_000),
    "400 KB, 950 messages": document(["word " * 76] * 950),
    "400 KB of code": document(CODE * (400_000 // len(json.dumps(CODE)))),
}


def round_of(target: Target, case: str, seconds: float) -> float:
    """CPU seconds for each request; for each event where it is a stream."""
    sent = wire.request(DOCUMENTS[case], target.key)
    before = target.cpu
    connections = STREAMS if case == "SSE event" else CONNECTIONS
    seen = asyncio.run(wire.asked(target.port, sent, seconds, connections, RATES.get(case, 0)))
    assert seen.wrong == 0, f"{case}: {seen.wrong} of {seen.requests} were refused"
    used = target.cpu - before
    return used / (seen.events if case == "SSE event" else seen.requests)


def alternating(targets: dict[str, Target], case: str, rounds: int, seconds: float) -> dict[str, float]:
    """Median CPU of each, in microseconds."""
    found: dict[str, list[float]] = {name: [] for name in targets}
    for number in range(rounds + 1):
        for name, target in targets.items():
            used = round_of(target, case, seconds if number else seconds / 4)
            if number:  # the first round warms up
                found[name].append(used * 1e6)
    return {name: statistics.median(values) for name, values in found.items()}


def resident(pid: int) -> float:
    """MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def memory(folder: Path, port: int) -> float:
    """MiB of an Envoy with 10,000 keys of 10,000 consumers that has answered some requests with them."""
    found = made(folder, port, 10, 20)
    policies = [each.policy for each in found.gateway.keys]
    keys = tuple(Key(policies[n % 20], "ns", f"shop-{n:05}", f"ns/key-{n:05}/token") for n in range(KEYS))
    secrets = {each.reference: f"pl_not-a-real-key-of-bench-{n:08}" for n, each in enumerate(keys)}
    gateway = replace(quiet(found.gateway), keys=keys)
    with running(gateway, secrets, folder) as proxy:
        target = Target(gateway.listener.port, proxy.proxy.process.pid, secrets[keys[777].reference])
        round_of(target, "1.2 KB JSON", 2)
        return resident(target.pid)


def compared(folder: Path, port: int, rounds: int, seconds: float) -> tuple[dict[str, Any], list[str]]:
    figures: dict[str, Any] = {}
    missed = []
    with ExitStack() as stack:
        targets = {
            "bare": stack.enter_context(bare(folder, port)),
            "ours": stack.enter_context(ours(folder / "small", port, 10)),
            "large": stack.enter_context(ours(folder / "large", port, MODELS, POLICIES)),
        }
        for case, bound in BOUNDS.items():
            chosen = targets if case == "1.2 KB JSON" else {name: targets[name] for name in ("bare", "ours")}
            found = alternating(chosen, case, rounds, seconds)
            ratio = found["ours"] / found["bare"]
            figures[f"{case}: bare, ours (us)"] = [round(found["bare"], 1), round(found["ours"], 1)]
            figures[f"{case}: ratio" + (f" (at most {bound})" if bound else "")] = round(ratio, 2)
            missed += [case] if bound and ratio > bound else []
            if "large" in found:
                growth = found["large"] / found["ours"]
                figures[f"{MODELS} models x {POLICIES} policies to 10 models (at most {GROWTH})"] = round(growth, 2)
                missed += ["growth"] if growth > GROWTH else []
        figures["Envoy, MiB: bare, ours, large"] = [round(resident(each.pid)) for each in targets.values()]
    return figures, missed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0 if FULL else 1.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=5 if FULL else 2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paceline-bench-") as name, wire.upstream(EVENT_SECONDS) as port:
        folder = Path(name)
        figures, missed = compared(folder, port, options.rounds, options.seconds)
        mib = memory(folder / "keys", port)
        figures[f"Envoy at {KEYS} keys, MiB (at most {MOST_ENVOY_MIB})"] = round(mib)
        missed += ["memory"] if mib > MOST_ENVOY_MIB else []
    figures |= {"missed": missed, "load average": os.getloadavg()[0]}
    print(json.dumps(figures))
    return 1 if FULL and missed else 0


if __name__ == "__main__":
    sys.exit(main())
